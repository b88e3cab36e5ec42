//! The memory of request bodies and of responses: how much of it may be used, in total and by one share
//! holder.

mod answers;
mod bodies;

pub(crate) use answers::{AnswerMemory, AnswerPermit};
pub(crate) use bodies::{BodyMemory, BodyPermit, NoMemory};
