//! The transparency log follows the sequence.

mod edited;
mod rounds;
mod support;
