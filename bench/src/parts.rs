//! The benchmarks, a file each.

mod evidence;
mod floor;
mod growth;
mod import;
mod ingest;
mod layer;
mod limits;
mod loss;
mod network;
mod partitions;
mod query;
mod quick;
mod rows;
mod sequence;
mod serve;
mod soak;
mod transaction;
mod write;

use clap::Subcommand;
use xtask::error::Result;
use xtask::workspace::Workspace;

use crate::report;

// The documentation of each part is on its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Import(import::Args),
    Growth(growth::Args),
    Sequence(sequence::Args),
    Evidence(evidence::Args),
    Partitions(partitions::Args),
    Query(query::Args),
    /// The limits: COPY, and single-row INSERT by pgbench.
    Limits(limits::Args),
    Serve(serve::Args),
    Write(write::Args),
    Network(network::Args),
    Floor(floor::Args),
    Loss(loss::Args),
    Soak(soak::Args),
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

impl Command {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Import(args) => import::run(workspace, args),
            Self::Growth(args) => growth::run(workspace, args),
            Self::Partitions(args) => partitions::run(workspace, args),
            Self::Sequence(args) => sequence::run(workspace, args),
            Self::Evidence(args) => evidence::run(workspace, args),
            Self::Query(args) => query::run(workspace, args),
            Self::Limits(args) => limits::run(workspace, args),
            Self::Serve(args) => serve::run(workspace, args),
            Self::Write(args) => write::run(workspace, args),
            Self::Network(args) => network::run(workspace, args),
            Self::Floor(args) => floor::run(workspace, args),
            Self::Loss(args) => loss::run(workspace, args),
            Self::Soak(args) => soak::run(workspace, args),
            Self::Transaction(args) => transaction::run(workspace, args),
            Self::Rows(args) => rows::run(workspace, args),
            Self::Layer(args) => layer::run(workspace, args),
            Self::Quick(args) => quick::run(workspace, args),
            Self::Report(_) => report::run(workspace),
        }
    }
}
