//! `cargo xtask bench sequence`: write rates with the sequencer and without, and its lag.

use std::time::{Duration, Instant};

use super::ingest::{self, Ingest, Measured, WORKLOADS};
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const WITH: &str = "auditrail";
const WITHOUT_INDEX: &str = "auditrail without its index of words";
const WITHOUT: &str = "auditrail without both";

const SIDES: [&str; 3] = [WITH, WITHOUT_INDEX, WITHOUT];
/// The version of the index of another program, which is left alone.
const OTHER_INDEX: &str = "update control_plane.audit_log_text_index set version = 0";
/// The metric of the lag.
const LAG: &str = "auditrail_sequencer_lag_seconds ";
/// Within this time after the load every record must have a seq.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Write rates with the sequencer and without, and the lag of the sequencer.
///
/// Each round writes batches of 1,000 over 2 connections and single records over 64 by HTTP into an empty log, with the
/// sequencer and the index of words that follows it, with the sequencer alone and with neither, in turn. The lag is the
/// metric of the service, an upper bound of the age of the oldest committed record without a seq, read every 20 ms.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench sequence
  cargo xtask bench sequence --rounds 1 --seconds 2

Fails if the rate is a smaller share than required, or the lag longer, after saving the results.")]
pub(crate) struct Args {
    /// Number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of each measurement in seconds, after one second of warm-up.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// Connection of the service to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Fail if the median rate with the sequencer is a smaller share of that without.
    #[arg(long, default_value_t = 0.93)]
    at_least: f64,
    /// Fail if the 99th percentile of the lag is longer, in milliseconds.
    #[arg(long, default_value_t = 1_000.0)]
    lag_at_most: f64,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let ingest = Ingest::start(workspace, "sequence", args.database)?;
    let mut part = Part { name: "sequence".to_owned(), ..Part::default() };
    part.settings = ingest.settings(args.rounds, args.seconds)?;
    part.notes = NOTES.map(str::to_owned).to_vec();
    println!("\nround, records a second, and the lag in milliseconds: p50 and p99");
    for round in 1..=args.rounds {
        for (workload, options) in WORKLOADS {
            let mut sides = SIDES;
            sides.rotate_left(usize::from(round) % SIDES.len());
            for side in sides {
                measure(&ingest, options, args.seconds, side)?.add(
                    (workload, side),
                    round,
                    &mut part,
                );
            }
        }
    }
    part.save(workspace)?;
    println!("\nthe sequencer alone");
    ingest::shares(&part, WITHOUT_INDEX, WITHOUT, 0.0);
    println!("the sequencer and the index of words");
    let mut missed = ingest::shares(&part, WITH, WITHOUT, args.at_least);
    missed.extend(ingest::at_most(&part, WITH, "lag p99", args.lag_at_most));
    ingest::refuse(&missed)
}

const NOTES: [&str; 3] = [
    "Each measurement starts with an empty log and a checkpoint. The sides take turns in who is first.",
    "The lag is an upper bound: the time since a look that found all records sequenced.",
    "After each measurement every record has exactly one seq, or the run fails.",
];

fn measure(ingest: &Ingest, options: &[&str], seconds: u16, side: &str) -> Result<Measured> {
    let has_sequencer = side != WITHOUT;
    let log = ingest.fresh_log()?;
    if side == WITHOUT_INDEX {
        ingest.bench.sql(OTHER_INDEX)?;
    }
    let service = ingest.serve(&log, &[("AUDITRAIL_SEQUENCER", &has_sequencer.to_string())])?;
    let metric = has_sequencer.then_some(LAG);
    let measured = ingest.rate_and_lags((&service, &log), (options, seconds), metric)?;
    if has_sequencer {
        wait_until_sequenced(ingest)?;
    }
    service.stop()?;
    Ok(measured)
}

fn wait_until_sequenced(ingest: &Ingest) -> Result<()> {
    let start = Instant::now();
    let same = "select (select count(*) from control_plane.audit_logs)
                     = (select coalesce(sum(records), 0) from control_plane.audit_log_entries)";
    while ingest.bench.sql(same)?.trim() != "t" {
        if start.elapsed() > DRAIN_TIMEOUT {
            return Err(Error::Refused("some records got no seq".to_owned()));
        }
    }
    Ok(())
}
