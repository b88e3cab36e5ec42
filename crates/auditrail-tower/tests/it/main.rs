//! The layer around real services, with a sink in memory.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod basics;
mod sink;
mod support;
