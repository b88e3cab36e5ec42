//! Tests of the transparency log: against published vectors, against two other implementations, and with changed
//! bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod note;
mod oracles;
mod policy;
mod proof_file;
mod range;
mod support;
mod tile;
mod tree;
mod witness;
