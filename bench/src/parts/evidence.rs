//! `cargo xtask bench evidence`: write rates with the sealer and without, its lag, and the size of what it writes.

use std::time::{Duration, Instant};

use super::ingest::{self, Ingest, Measured, WORKLOADS};
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const WITH: &str = "auditrail";
const WITHOUT: &str = "auditrail without its sealer";
/// The sealer finds no state, and does nothing but look.
const NO_TREE: &str = "alter table control_plane.audit_log_tree rename to audit_log_tree_off";
/// Back again, so that the next log can be made.
const TREE: &str = "alter table control_plane.audit_log_tree_off rename to audit_log_tree";
/// The metric of the lag.
const LAG: &str = "auditrail_sealer_lag_seconds ";
/// Within this time after the load every record must be sealed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(180);
/// The bytes of entries, keys of records, tiles and checkpoints for each record, with their indexes.
const BYTES: &str = "select sum(pg_total_relation_size('control_plane.' || name))
                          / (select count(*) from control_plane.audit_logs)
                       from unnest(array['audit_log_entries', 'audit_log_bundles', 'audit_log_record_keys',
                                         'audit_log_tiles', 'audit_log_checkpoints']) as name";

/// Write rates with the sealer and without, its lag, and the bytes of what it writes.
///
/// Each round writes batches of 1,000 over 2 connections and single records over 64 by HTTP into an empty log, with the
/// sealer and without, in turn. The lag is the metric of the service, an upper bound of the age of the oldest record with
/// a seq that has no entry, read every 20 ms. After the load the time until every record is sealed is measured.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench evidence
  cargo xtask bench evidence --rounds 1 --seconds 2

Fails if the rate is a smaller share than required, or there are more bytes, after saving the results.")]
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
    /// Fail if the median rate with the sealer is a smaller share of that without.
    #[arg(long, default_value_t = 0.90)]
    at_least: f64,
    /// Fail if the median of the bytes for each record is higher.
    #[arg(long, default_value_t = 150.0)]
    bytes_at_most: f64,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let ingest = Ingest::start(workspace, "evidence", args.database)?;
    let mut part = Part { name: "evidence".to_owned(), ..Part::default() };
    part.settings = ingest.settings(args.rounds, args.seconds)?;
    part.notes = NOTES.map(str::to_owned).to_vec();
    println!("\nround, records a second, and the lag in milliseconds: p50 and p99");
    for round in 1..=args.rounds {
        for workload in WORKLOADS {
            let mut sides = [WITH, WITHOUT];
            sides.rotate_left(usize::from(round) % 2);
            for side in sides {
                let measured = measure(&ingest, workload, args.seconds, side, &mut part)?;
                measured.add((workload.0, side), round, &mut part);
            }
        }
    }
    part.save(workspace)?;
    let mut missed = ingest::shares(&part, WITH, WITHOUT, args.at_least);
    missed.extend(ingest::at_most(&part, WITH, "bytes for each record", args.bytes_at_most));
    ingest::at_most(&part, WITH, "until sealed", f64::INFINITY);
    ingest::refuse(&missed)
}

const NOTES: [&str; 3] = [
    "Each measurement starts with an empty log and a checkpoint. The sides take turns in who is first.",
    "The lag is an upper bound: the time since a look that found all records sealed.",
    "After each measurement every record has exactly one entry, or the run fails.",
];

fn measure(
    ingest: &Ingest,
    (workload, options): (&str, &[&str]),
    seconds: u16,
    side: &str,
    part: &mut Part,
) -> Result<Measured> {
    let is_sealed = side == WITH;
    let log = ingest.fresh_log()?;
    let service = ingest.serve(&log, &[])?;
    if !is_sealed {
        ingest.bench.sql(NO_TREE)?;
    }
    let metric = is_sealed.then_some(LAG);
    let measured = ingest.rate_and_lags((&service, &log), (options, seconds), metric)?;
    if is_sealed {
        let seconds = wait_until_sealed(ingest)?;
        part.add(workload, side, ("until sealed", "s"), seconds);
        let bytes = ingest.bench.sql(BYTES)?;
        let bytes = bytes.trim().parse::<f64>();
        let bytes = bytes.map_err(|_| Error::Refused("no size of the log".to_owned()))?;
        part.add(workload, side, ("bytes for each record", "bytes"), bytes);
    } else {
        ingest.bench.sql(TREE)?;
    }
    service.stop()?;
    Ok(measured)
}

/// Waits until each record has an entry; the seconds that took.
fn wait_until_sealed(ingest: &Ingest) -> Result<f64> {
    let start = Instant::now();
    let same = "select (select count(*) from control_plane.audit_logs)
                     = (select size from control_plane.audit_log_tree)";
    while ingest.bench.sql(same)?.trim() != "t" {
        if start.elapsed() > DRAIN_TIMEOUT {
            return Err(Error::Refused("some records were not sealed".to_owned()));
        }
    }
    Ok(start.elapsed().as_secs_f64())
}
