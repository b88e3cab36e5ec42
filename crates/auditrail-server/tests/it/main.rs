//! The service, driven over HTTP on a real listener, against a real database as the role of an
//! application.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod batch;
mod budgets;
mod client;
mod cors;
mod create;
mod docs;
mod errors;
mod export;
mod group_writes;
mod http;
mod kept;
mod keys;
mod logged;
mod matrix;
mod metrics;
mod openapi;
mod read;
mod readiness;
mod recorded;
mod round_trips;
mod service;
mod slow_readers;
mod stored_keys;
mod tls;
