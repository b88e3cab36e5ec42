//! The store against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api_keys;
mod bulk;
mod capture;
mod errors;
mod function;
mod golden;
mod grants;
mod guard;
mod migrate;
mod records;
mod support;
mod writer;
