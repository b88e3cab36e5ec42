//! Attacks on the real program: what one caller does must not take it, or the database, away from others.

mod abandoned_statements;
mod caller;
mod connections;
mod descriptors;
mod early_refusals;
mod malformed_requests;
mod memory_of_batches;
mod memory_of_pages;
mod odd_content;
mod settings;
mod shutdown;
mod slow_bodies;
mod slow_exports;
mod slow_reads;
mod tenants;
mod two_servers;
mod wire;
