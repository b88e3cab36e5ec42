//! Attacks on the running program: what its callers do must not take it, or the database, away from others.

mod connections;
mod descriptors;
mod early_refusals;
mod malformed_requests;
mod memory_of_batches;
mod memory_of_pages;
mod shutdown;
mod slow_bodies;
mod wire;
