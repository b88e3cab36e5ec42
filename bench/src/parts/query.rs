//! `cargo xtask bench query`: latency of search pages over HTTP beside bare SQL for the same page, for every
//! filter, with common, rare and missing values, in logs of several sizes.

mod cases;
mod cold;
mod export;
pub(crate) mod filled;
mod report;
mod statement;
mod views;
mod warm;

use crate::harness::program;
use crate::harness::transport::Transport;
use crate::result::Part;
use filled::{Filled, grouped};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Pages of searches over HTTP, beside bare SQL for the same page.
///
/// The first page of each search and one 10,000 records further are read over one connection, in turn
/// with a hand-written statement for that page, sent as a simple query. Where knowledge of the indexes
/// suggests another statement, the faster of the two counts. Both must return the same records.
///
/// A log is filled on first use and kept; ten million records take 9 GB and about ten minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench query                              three sizes, warm and cold
  cargo xtask bench query --records 100000 --only tenant --rounds 1 --cold-rounds 0
  cargo xtask bench query --records 100000,1000000 --export 0
  cargo xtask bench query --records 10000000 --partitions 58 --cold-rounds 0

The relevant ratios are p99 of auditrail by that of bare SQL, and p99 in the largest log by that in
the smallest, each of the same round.")]
pub(crate) struct Args {
    /// Sizes of the logs, in records.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000, 10_000_000],
        value_parser = clap::value_parser!(u64).range(1_000..))]
    records: Vec<u64>,
    /// Number of rounds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Requests for each page in a round.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Time limit for the requests of a page, in milliseconds: some bare statements take seconds.
    #[arg(long, default_value_t = 300)]
    budget_ms: u64,
    /// Number of cold starts of PostgreSQL for each side.
    #[arg(long, default_value_t = 3)]
    cold_rounds: u16,
    /// The size of the log that is exported; 0 for none.
    #[arg(long, default_value_t = 1_000_000)]
    export: u64,
    /// Closed partitions; by default all records are in one partition, as after an adoption.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=200))]
    partitions: u16,
    /// Connection of both sides to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Only filters with this text in their name.
    #[arg(long)]
    only: Option<String>,
    /// Fail if the p99 of a warm page is higher, in milliseconds.
    #[arg(long)]
    at_most_ms: Option<f64>,
    /// Fail if a smaller share of the warm pages is within 1.3 of bare SQL.
    #[arg(long)]
    share_at_least: Option<f64>,
    /// Remove the filled logs afterwards.
    #[arg(long)]
    remove: bool,
}

impl Args {
    fn selects(&self, case: &cases::Case) -> bool {
        self.only.as_ref().is_none_or(|only| case.filter.contains(only))
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !args.records.is_sorted_by(|less, more| less < more) || args.records.is_empty() {
        return Err(Error::Refused("the sizes must be distinct and ascending".to_owned()));
    }
    let bench = program::prepare(workspace)?;
    let open =
        |records: &u64| Filled::open(workspace, &bench, (*records, args.partitions), args.database);
    let logs = args.records.iter().map(open).collect::<Result<Vec<_>>>()?;
    let mut part = Part { name: "query".to_owned(), ..Part::default() };
    describe(&mut part, &logs, args)?;
    let chosen = warm::measure(&logs, args, &mut part)?;
    cold::measure(&logs, args, &chosen, &mut part)?;
    for log in logs.iter().filter(|log| log.records == args.export) {
        export::measure(log, args.rounds, &mut part)?;
    }
    part.save(workspace)?;
    if args.remove {
        for log in logs {
            log.remove()?;
        }
    }
    report::judge(&part, args)
}

fn describe(part: &mut Part, logs: &[Filled], args: &Args) -> Result<()> {
    let mut set = |name: &str, value: String| part.settings.push((name.to_owned(), value));
    for log in logs {
        let show = |sql: &str| log.bench.sql(sql).map(|value| value.trim().to_owned());
        if log.records == logs[0].records {
            set("PostgreSQL", show("show server_version")?);
            set("shared_buffers", show("show shared_buffers")?);
            set("work_mem", show("show work_mem")?);
        }
        let size = "select pg_size_pretty(pg_table_size('control_plane.audit_logs')) || ', with \
                    indexes ' || pg_size_pretty(pg_total_relation_size('control_plane.audit_logs'))";
        set(&format!("log of {} records", grouped(log.records)), show(size)?);
    }
    let (name, value) = Transport::setting(&[args.database]);
    set(&name, value);
    set("closed partitions", args.partitions.to_string());
    set("rounds", args.rounds.to_string());
    set("pages in a round", format!("{}, or as many as take {} ms", args.times, args.budget_ms));
    set("cold starts of each side", args.cold_rounds.to_string());
    part.notes = NOTES.map(str::to_owned).to_vec();
    Ok(())
}

const NOTES: [&str; 7] = [
    "A page has 100 records. auditrail returns JSON over HTTP and checks an API key; bare SQL returns \
     rows of text over the same kind of connection. Both are timed to the last byte.",
    "Bare SQL is the select with the same filters, newest first, limit 100; later pages add a condition \
     on (created_at, id). Where knowledge of the indexes suggests another condition (metadata with \
     @>, action by bytes), the faster statement counts.",
    "Both sides read the same pages in turn over one connection each, and had to return the same number \
     of records with the same last one.",
    "Bare statements are cancelled after five seconds and count as five seconds, so the true ratio is \
     better for auditrail.",
    "Where fewer than 100 pages fit into the time of a round, p99 is the slowest of them.",
    "Cold means that PostgreSQL was stopped, its files were dropped from the page cache, and both were \
     started again. Each connection then read one missing record, and each search was run once, in \
     the same order on both sides.",
    "Client, service and PostgreSQL share the processors of one machine.",
];
