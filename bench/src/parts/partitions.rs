//! `cargo xtask bench partitions`: write rates while partitions are closed and merged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::ingest::{self, EmptyLog, Ingest, Load, WORKLOADS};
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::postgres;
use xtask::sh::Sh;
use xtask::workspace::Workspace;

const BUSY: &str = "auditrail, partitions closed and merged meanwhile";
const QUIET: &str = "auditrail";

/// Write rates while partitions are closed and merged, to those without.
///
/// Each round writes batches of 1,000 over 2 connections and single records over 64 by HTTP into an empty log. On one
/// side `auditrail partition close` and `auditrail partition run` run one after the other all the time, so that a
/// partition is closed more often than a full one would be, and every ten are merged.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench partitions
  cargo xtask bench partitions --rounds 1 --seconds 5

Fails if the rate is a smaller share than required, or the longest request longer, after saving the results.")]
pub(crate) struct Args {
    /// Number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of each measurement in seconds, after one second of warm-up.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// Connection of the service to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Fail if the median rate is a smaller share of that without.
    #[arg(long, default_value_t = 0.85)]
    at_least: f64,
    /// Fail if the median of the longest request of each round is longer, in milliseconds.
    #[arg(long, default_value_t = 200.0)]
    longest_at_most: f64,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let ingest = Ingest::start(workspace, "partitions", args.database)?;
    let mut part = Part { name: "partitions".to_owned(), ..Part::default() };
    part.settings = ingest.settings(args.rounds, args.seconds)?;
    part.notes = NOTES.map(str::to_owned).to_vec();
    println!(
        "\nround, records a second, the longest request in milliseconds, closed and merged partitions"
    );
    for round in 1..=args.rounds {
        for (workload, options) in WORKLOADS {
            let mut sides = [BUSY, QUIET];
            sides.rotate_left(usize::from(round) % 2);
            for side in sides {
                let (load, done) = measure(&ingest, options, args.seconds, side == BUSY)?;
                part.add(workload, side, ("rate", "records/s"), load.rate);
                part.add(workload, side, ("longest request", "ms"), load.longest);
                let Load { rate, longest } = load;
                println!(
                    "{round:<4} {workload:<32} {side:<50} {rate:>9.0} {longest:>7.0} {:>4} {:>3}",
                    done.closed, done.merged
                );
            }
        }
    }
    part.save(workspace)?;
    let mut missed = ingest::shares(&part, BUSY, QUIET, args.at_least);
    missed.extend(ingest::at_most(&part, BUSY, "longest request", args.longest_at_most));
    ingest::refuse(&missed)
}

const NOTES: [&str; 2] = [
    "Each measurement starts with an empty log and a checkpoint. The sides take turns in who is first.",
    "The programs that close and merge are started again for each operation, and use the same processors.",
];

/// The numbers of partitions.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    closed: u32,
    merged: u32,
}

fn measure(ingest: &Ingest, options: &[&str], seconds: u16, is_busy: bool) -> Result<(Load, Done)> {
    let log = ingest.empty_log(&[])?;
    ingest.load(&log, options, 1)?;
    let (is_done, mut done) = (AtomicBool::new(false), Done::default());
    let load = thread::scope(|scope| {
        let maintenance = is_busy.then(|| scope.spawn(|| maintain(ingest, &log, &is_done)));
        let load = ingest.load(&log, options, seconds);
        is_done.store(true, Ordering::Relaxed);
        if let Some(maintenance) = maintenance {
            done = maintenance.join().map_err(|_| Error::Refused("it panicked".to_owned()))??;
        }
        load
    })?;
    log.service.stop()?;
    if is_busy && done.merged == 0 {
        return Err(Error::Refused("no partitions were merged; measure for longer".to_owned()));
    }
    Ok((load, done))
}

/// Closes and merges partitions until the load is done.
fn maintain(ingest: &Ingest, log: &EmptyLog, is_done: &AtomicBool) -> Result<Done> {
    let mut done = Done::default();
    while !is_done.load(Ordering::Relaxed) {
        for operation in ["close", "run"] {
            let program = Sh::new(ingest.bench.program())
                .env(postgres::BIN, ingest.bench.bin())
                .quiet_env("DATABASE_URL", &log.url);
            let report = program.args(["--quiet", "--json", "partition", operation]).read()?;
            let report: serde_json::Value = serde_json::from_str(&report)
                .map_err(|_| Error::Refused(format!("not a report: {report}")))?;
            done.closed += u32::from(report["closed"].is_string());
            let merged = report["merged"].as_array().map_or(0, Vec::len);
            done.merged += u32::try_from(merged).unwrap_or(u32::MAX);
        }
    }
    Ok(done)
}
