//! The store against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bulk;
mod errors;
mod golden;
mod guard;
mod migrate;
mod records;
mod support;
mod writer;
