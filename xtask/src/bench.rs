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
  cargo xtask bench query --records 10000000
  cargo xtask bench serve")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// `auditrail import` against `psql \copy` of the same rows into the same table.
    Import(import::Args),
    /// The rate of writing with records there already, beside COPY in the same state.
    Growth(growth::Args),
    /// Pages of searches by HTTP, beside the bare SQL for the same page.
    Query(query::Args),
    /// What `auditrail serve` takes, against the limits it must hold.
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
