//! `cargo xtask bench`: what we are as fast as, measured in the same run on the same machine.

mod bed;
mod environment;
mod import;
mod limits;
mod load;
mod loss;
mod measure;
mod peers;
mod process;
mod query;
mod report;
mod result;
mod serve;
mod write;

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
  cargo xtask bench serve
  cargo xtask bench write --only auditrail --only fastify
  cargo xtask bench loss --rounds 2")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// `auditrail import` against `psql \copy` of the same rows into the same table.
    Import(import::Args),
    /// The first and the hundredth page of searches in a large log.
    Query(query::Args),
    /// The limits: COPY, and single-row INSERT by pgbench.
    Limits(limits::Args),
    /// What `auditrail serve` takes, against the limits it must hold.
    Serve(serve::Args),
    Write(write::Args),
    Loss(loss::Args),
    /// docs/performance.md and its chart, from what was measured last.
    Report(report::Args),
}

/// The parts that all together are the benchmarks, in the order they are run and told.
const PARTS: [&str; 5] = ["write", "loss", "query", "import", "serve"];

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match &args.command {
        Command::Import(args) => import::run(workspace, args),
        Command::Query(args) => query::run(workspace, args),
        Command::Limits(args) => limits::run(workspace, args),
        Command::Serve(args) => serve::run(workspace, args),
        Command::Write(args) => write::run(workspace, args),
        Command::Loss(args) => loss::run(workspace, args),
        Command::Report(_) => report::run(workspace),
    }
}
