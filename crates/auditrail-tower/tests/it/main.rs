//! Tests of the layer around real services, with a sink in memory.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod allocations;
mod ambiguous;
mod composition;
mod coverage;
mod disconnects;
mod grpc;
mod inputs;
mod intents;
mod outcomes;
mod own_records;
mod records;
mod secrets;
mod sink;
mod spooled_responses;
mod support;
