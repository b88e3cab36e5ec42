//! The audit log of a control plane, as one program.
//!
//! A subcommand is a file in `cmd`, its arguments a file in `cli`. A handler translates: it reads
//! its arguments into the types of `auditrail-core`, makes one call to `auditrail-store`, and shows
//! the outcome with `output`. Left out on purpose: SQL (only the store speaks it), a clock anywhere
//! but in `clock`, and exit codes anywhere but in `exit`.
//!
//! Start with `cli`, then `cmd`.
#![expect(
    clippy::print_stderr,
    reason = "a command line program talks to people on stderr; stdout goes through `output`"
)]

mod cli;
mod clock;
mod cmd;
mod config;
mod database;
mod error;
mod exit;
mod output;
mod run;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A service that took a large batch once must not hold its memory for ever.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    run::main()
}
