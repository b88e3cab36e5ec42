//! Erasure and holds.

mod holds;
mod proofs;
mod support;
mod values;
