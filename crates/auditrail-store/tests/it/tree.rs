//! The transparency log follows the sequence.

mod edited;
mod proofs;
mod rounds;
mod support;
