//! `cargo xtask bench`: what we are as fast as, measured in the same run on the same machine.

mod bed;
mod cluster;
mod corpus;
mod delay;
mod environment;
mod floor;
mod growth;
mod http;
mod import;
mod layer;
mod limits;
mod load;
mod loss;
mod measure;
mod network;
mod peers;
mod plain;
mod process;
mod program;
mod query;
mod quick;
mod report;
mod result;
mod rows;
mod serve;
mod transaction;
mod transport;
mod write;

use clap::{Parser, Subcommand};

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Measure, as a ratio against a peer in the same run.
///
/// Machines differ and are shared, so seconds mean little: each round times both sides one after
/// the other, and the median of the rounds' ratios is what counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench                every part, and then docs/performance.md
  cargo xtask bench quick          under three minutes, against bench/ratios.toml
  cargo xtask bench import
  cargo xtask bench import --records 100000 --rounds 3
  cargo xtask bench query --records 100000,1000000
  cargo xtask bench growth --records 0,1000000
  cargo xtask bench serve
  cargo xtask bench layer
  cargo xtask bench network              TCP beside a Unix socket, and 1 ms each way
  cargo xtask bench floor                processor time beside a bare handler
  cargo xtask bench write --only auditrail --only fastify
  cargo xtask bench write --database tcp --database tcp+1ms
  cargo xtask bench loss --rounds 2")]
pub(crate) struct Args {
    /// One part; without, every part in turn, and then the report.
    #[command(subcommand)]
    command: Option<Command>,
}

// What each part does and what its figures mean stands with its arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Args),
    Growth(growth::Args),
    Query(query::Args),
    /// The limits: COPY, and single-row INSERT by pgbench.
    Limits(limits::Args),
    Serve(serve::Args),
    Write(write::Args),
    Network(network::Args),
    Floor(floor::Args),
    Loss(loss::Args),
    /// A record in the caller's transaction, against a plain INSERT and a row trigger.
    Transaction(transaction::Args),
    /// Our triggers and function in SQL, against a row trigger and a plain INSERT.
    Rows(rows::Args),
    /// What the gateway layer costs a request, against the same route without it.
    Layer(layer::Args),
    /// A few ratios in under three minutes, against the committed ones.
    Quick(quick::Args),
    /// docs/performance.md and its chart, from what was measured last.
    Report(report::Args),
}

/// The parts that all together are the benchmarks, in the order they are run and told.
const PARTS: [&str; 11] = [
    "network",
    "floor",
    "write",
    "loss",
    "transaction",
    "rows",
    "layer",
    "query",
    "growth",
    "import",
    "serve",
];

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match &args.command {
        Some(command) => one(workspace, command),
        None => all(workspace),
    }
}

fn one(workspace: &Workspace, command: &Command) -> Result<()> {
    match command {
        Command::Import(args) => import::run(workspace, args),
        Command::Growth(args) => growth::run(workspace, args),
        Command::Query(args) => query::run(workspace, args),
        Command::Limits(args) => limits::run(workspace, args),
        Command::Serve(args) => serve::run(workspace, args),
        Command::Write(args) => write::run(workspace, args),
        Command::Network(args) => network::run(workspace, args),
        Command::Floor(args) => floor::run(workspace, args),
        Command::Loss(args) => loss::run(workspace, args),
        Command::Transaction(args) => transaction::run(workspace, args),
        Command::Rows(args) => rows::run(workspace, args),
        Command::Layer(args) => layer::run(workspace, args),
        Command::Quick(args) => quick::run(workspace, args),
        Command::Report(_) => report::run(workspace),
    }
}

/// Every part as it is by itself without options. One that fails keeps no other from being measured,
/// nor the report from being written; what failed is told in the end.
fn all(workspace: &Workspace) -> Result<()> {
    let mut failed = Vec::new();
    for name in PARTS {
        println!("\n{name}\n");
        if let Err(error) = part(name).and_then(|command| one(workspace, &command)) {
            eprintln!("error: {error}");
            failed.push(format!("{name} ({error})"));
        }
    }
    report::run(workspace)?;
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::Refused(format!("these parts failed: {}", failed.join("; ")))),
    }
}

/// The command of a part, as if nothing but its name had been typed.
fn part(name: &str) -> Result<Command> {
    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }
    let line = Line::try_parse_from(["bench", name]);
    line.map(|line| line.command).map_err(|error| Error::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_a_command_that_needs_no_options() {
        for name in PARTS {
            assert!(part(name).is_ok(), "{name}");
        }
        assert!(part("nothing").is_err());
    }
}
