//! Evidence packs.

mod edits;
mod support;
mod tampered;
mod tamperings;
mod vectors;
mod zip;
