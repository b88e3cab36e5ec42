//! The transparency log follows the sequence.

mod checked;
mod edited;
mod proofs;
mod rounds;
mod support;
