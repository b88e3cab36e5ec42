//! End-to-end tests of the program: arguments in; exit code, stdout and stderr out.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed set-up fails the test; a skipped test prints the reason"
)]

mod attacks;
mod config;
mod connection_loss;
mod db;
mod erase;
mod evidence;
mod export;
mod faults;
mod help;
mod import;
mod import_errors;
mod import_ids;
mod import_inputs;
mod import_recipes;
mod import_rejects;
mod import_samples;
mod interrupts;
mod key;
mod kill;
mod log;
mod log_key;
mod migrate;
mod migrate_concurrent;
mod migrate_drift;
mod partition;
mod query;
mod reading;
mod retention;
mod rollback;
mod sandbox;
mod sequence;
mod serve;
mod serve_log;
mod service;
mod show;
mod signing;
mod stats;
mod tail;
mod tampering;
mod terminal;
mod tls;
mod url_forms;
mod verify;
mod witness;
