//! Development tasks, run as `cargo xtask <command>`.
//!
//! A command sets up what it needs: a fresh clone and `cargo` suffice. Tools are installed under
//! `target/`, with one exception: as root on Debian the distribution's PostgreSQL is installed.
//!
//! Nothing here duplicates the program `auditrail`; commands call it. Start with `Command`; each command
//! is a file of the same name. The public modules are shared with the benchmarks in `bench/`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program reports its progress"
)]

mod api_test;
mod bench;
mod ci;
mod client_test;
pub mod code_blocks;
mod db;
mod demo;
mod docs_test;
pub mod error;
mod go;
mod go_test;
pub mod node;
pub mod postgres;
mod service;
pub mod sh;
mod test;
mod tidy;
mod tools;
pub mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;
use crate::workspace::Workspace;

/// Development tasks. Each sets up what it needs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  cargo xtask demo      a queried audit log on a real PostgreSQL, in one command
  cargo xtask test      every test
  cargo xtask ci        all checks that must pass before a change is merged

PostgreSQL 15 or newer is looked for on this machine, and installed if there is none.
To choose one:  AUDITRAIL_PG_BIN=/usr/lib/postgresql/16/bin cargo xtask test";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test, after setting up what they need.
    Test(test::Args),
    /// Run all checks: format, lints, docs, dependencies, tidiness, tests.
    Ci(ci::Args),
    /// Migrate a private database, fill it with a sample, and query it.
    Demo(demo::Args),
    /// Measure, as a ratio against a peer in the same run.
    Bench(bench::Args),
    /// A private development database under target/.
    Db(db::Args),
    /// Check rules that the compiler does not: crate and module edges, file sizes, words, migrations.
    Tidy,
    /// Check the running service against openapi.json with generated requests.
    ApiTest(api_test::Args),
    /// Lint, build and test the TypeScript client against the real service.
    ClientTest,
    /// Verify a log with Go's packages and with openssl.
    GoTest,
    /// Run the commands of README.md and docs/.
    DocsTest,
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    exit_code(run(Cli::parse().command))
}

/// The exit code of a command; an error and its causes are printed to standard error.
pub fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  caused by: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let workspace = Workspace::load()?;
    match command {
        Command::Test(args) => test::run(&workspace, &args),
        Command::Ci(args) => ci::run(&workspace, &args),
        Command::Demo(args) => demo::run(&workspace, &args),
        Command::Bench(args) => bench::run(&workspace, &args),
        Command::Db(args) => db::run(&workspace, &args),
        Command::Tidy => tidy::run(&workspace),
        Command::ApiTest(args) => api_test::run(&workspace, &args),
        Command::ClientTest => client_test::run(&workspace),
        Command::GoTest => go_test::run(&workspace),
        Command::DocsTest => docs_test::run(&workspace),
    }
}
