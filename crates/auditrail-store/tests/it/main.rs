//! The store against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api_keys;
mod append_only;
mod capture;
mod erasure;
mod errors;
mod golden;
mod grants;
mod group_commit;
mod import;
mod migrate;
mod partitions;
mod proxy;
mod record_audit_log;
mod records;
mod retention;
mod sequencer;
mod support;
mod text_index;
mod tree;
