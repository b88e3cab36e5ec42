//! The layer around real services, with a sink in memory.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod allocations;
mod basics;
mod bodies;
mod coverage;
mod disconnect;
mod grpc;
mod must;
mod outcomes;
mod secrets;
mod settling;
mod sink;
mod stacks;
mod support;
