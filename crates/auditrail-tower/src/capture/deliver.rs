//! What the requests of a layer share, and the submission of records to the sink.

pub(crate) mod counts;
pub(crate) mod pending;
pub(crate) mod shared;
pub(crate) mod sink;
