//! For tests and demonstrations only; nothing that ships depends on this crate.
//!
//! Start with [`sample`]: a believable month of a control plane, written from a seed. It has no
//! input file, reads no clock and knows nothing of the crates it feeds, so a test can compare what
//! they did with what was really written.

pub mod sample;
