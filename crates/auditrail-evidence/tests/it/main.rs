//! Entries, commitments and proofs, against the vectors that all implementations share, and with changed bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod consistency;
mod entry;
mod pack;
mod proof;
mod vectors;
