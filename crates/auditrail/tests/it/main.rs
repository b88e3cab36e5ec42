//! The program as people and scripts see it: arguments in; exit code, stdout and stderr out.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot set itself up has failed; one that is skipped says so"
)]

mod config;
mod db;
mod export;
mod faults;
mod help;
mod import;
mod import_data;
mod import_input;
mod key;
mod kill;
mod log;
mod lost;
mod migrate;
mod migrate_drift;
mod migrate_race;
mod program;
mod query;
mod running;
mod serve;
mod tls;
mod url_forms;
