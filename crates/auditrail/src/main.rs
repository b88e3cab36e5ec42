//! The audit log of a control plane, as one program.
//!
//! Each subcommand is a file in `cmd`, and its arguments are a file in `cli`. A command parses its
//! arguments into the types of `auditrail-core`, makes one call to `auditrail-store`, and prints the
//! result with `output`. SQL stays in the store, the clock is read only in `clock`, and exit codes
//! are assigned only in `exit`.
//!
//! Start with `cli`, then `cmd`.
#![expect(
    clippy::print_stderr,
    reason = "errors and notes of a command-line program go to stderr; stdout goes through `output`"
)]

mod cli;
mod clock;
mod cmd;
mod config;
mod context;
mod database;
mod error;
mod exit;
mod output;
mod run;
mod signals;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Returns freed memory to the system, so that one large batch does not raise the service's memory
/// use for good.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    run::main()
}
