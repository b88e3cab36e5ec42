//! `cargo xtask bench`: what we are as fast as, measured in the same run on the same machine.

mod growth;
mod http;
mod import;
mod measure;
mod plain;
mod query;
mod result;
mod serve;

use clap::Subcommand;

use crate::error::Result;
use crate::workspace::Workspace;

/// Measure, as a ratio against a peer in the same run.
///
/// Machines differ and are shared, so seconds mean little: each round times both sides one after
/// the other, and the median of the rounds' ratios is what counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench import
  cargo xtask bench import --records 100000 --rounds 3
  cargo xtask bench query --records 100000,1000000
  cargo xtask bench growth --records 0,1000000
  cargo xtask bench serve")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

// What each part does and what its figures mean stands with its arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Args),
    Growth(growth::Args),
    Query(query::Args),
    Serve(serve::Args),
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match &args.command {
        Command::Import(args) => import::run(workspace, args),
        Command::Growth(args) => growth::run(workspace, args),
        Command::Query(args) => query::run(workspace, args),
        Command::Serve(args) => serve::run(workspace, args),
    }
}
