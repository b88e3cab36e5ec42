//! `cargo xtask bench partitions`: write rates while partitions are closed and merged.

use super::ingest::{self, FreshLog, Ingest, WORKLOADS};
use crate::harness::load::LoadReport;
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const BUSY: &str = "auditrail, partitions merged meanwhile";
const QUIET: &str = "auditrail";
/// The role of this URL maintains the partitions.
const MAINTAINER: &str = "AUDITRAIL_MAINTENANCE_DATABASE_URL";
/// As many closed partitions of about the same size are merged.
const CLOSED: u32 = 10;

/// Write rates while partitions are closed and merged, to those without.
///
/// Each round writes batches of 1,000 over 2 connections and single records over 64 by HTTP into a log with ten closed
/// partitions. On one side the service has the URL of the owner, so that it merges them and closes the partition of new
/// records when that is full, as it does in production.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench partitions
  cargo xtask bench partitions --rounds 2 --seconds 60

A merge takes about half a minute, of which the service works a fifth. Shorter measurements fail without one.

Fails if the rate is a smaller share than required, or the longest request longer, after saving the results.")]
pub(crate) struct Args {
    /// Number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of each measurement in seconds.
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u16).range(1..))]
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
    println!("\nround, records a second, the longest request in milliseconds, closed partitions");
    for round in 1..=args.rounds {
        for (workload, options) in WORKLOADS {
            let mut sides = [BUSY, QUIET];
            sides.rotate_left(usize::from(round) % 2);
            for side in sides {
                let (report, closed) = measure(&ingest, options, args.seconds, side == BUSY)?;
                let (rate, longest) = (report.per_second, report.latency.max);
                part.add(workload, side, ("rate", "records/s"), rate);
                part.add(workload, side, ("longest request", "ms"), longest);
                println!(
                    "{round:<4} {workload:<32} {side:<40} {rate:>9.0} {longest:>7.0} {closed:>4}"
                );
            }
        }
    }
    part.save(workspace)?;
    let mut missed = ingest::shares(&part, BUSY, QUIET, args.at_least);
    missed.extend(ingest::at_most(&part, BUSY, "longest request", args.longest_at_most));
    ingest::refuse(&missed)
}

const NOTES: [&str; 3] = [
    "Each measurement starts with ten closed partitions of about 20,000 records, and a checkpoint. The sides \
     take turns in who is first.",
    "The maintenance is that of the service: it pauses four times as long as it works.",
    "On the side without it the partition of new records grows during a measurement, which slows inserts; compare \
     its rate also with that into an empty log (`bench growth`, `bench sequence`).",
];

/// The report of the load, and the number of closed partitions at its end.
fn measure(
    ingest: &Ingest,
    options: &[&str],
    seconds: u16,
    is_busy: bool,
) -> Result<(LoadReport, u32)> {
    let log = ingest.fresh_log()?;
    prepare(ingest, &log)?;
    let maintainer = if is_busy { log.url.clone() } else { other_role(ingest, &log)? };
    let service = ingest.serve(&log, &[(MAINTAINER, &maintainer)])?;
    let report = ingest.write((&service, &log), options, seconds)?;
    service.stop()?;
    let (closed, merged) = closed_and_merged(ingest)?;
    match (is_busy, merged) {
        (true, 0) => Err(Error::Refused("nothing was merged; measure for longer".to_owned())),
        (false, _) if closed != CLOSED => {
            Err(Error::Refused(format!("{closed} partitions are closed, not {CLOSED}")))
        }
        _ => Ok((report, closed)),
    }
}

/// Closes as many partitions as a merge takes, each with the records of a second.
fn prepare(ingest: &Ingest, log: &FreshLog) -> Result<()> {
    let service = ingest.serve(log, &[(MAINTAINER, &other_role(ingest, log)?)])?;
    let [_, (_, singles)] = WORKLOADS;
    for _ in 0..CLOSED {
        ingest.write((&service, log), singles, 1)?;
        ingest.bench.run_on(&log.url, &["partition", "close"])?;
    }
    service.stop()?;
    ingest.bench.sql("checkpoint").map(drop)
}

/// The URL of a role that does not own the log, so that a service with it maintains nothing.
fn other_role(ingest: &Ingest, log: &FreshLog) -> Result<String> {
    ingest.bench.sql(
        "do $$ begin create role bench_other login password 'bench_other';
         exception when duplicate_object then null; end $$",
    )?;
    let place = log.url.rsplit_once('@').map(|(_, place)| place);
    let place = place.ok_or_else(|| Error::Refused("the URL has no user".to_owned()))?;
    Ok(format!("postgres://bench_other:bench_other@{place}"))
}

/// The numbers of closed partitions, and of those among them that others were merged into.
fn closed_and_merged(ingest: &Ingest) -> Result<(u32, u32)> {
    let counted = ingest.bench.sql(
        "select count(*) || ' ' || count(*) filter (where c.relname like '%\\_m%')
           from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = 'control_plane.audit_logs'::regclass
            and c.relname not in ('audit_logs_hot', 'audit_logs_rest')",
    )?;
    let numbers: Vec<u32> =
        counted.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [closed, merged] => Ok((closed, merged)),
        _ => Err(Error::Refused(format!("`{counted}` are no two numbers"))),
    }
}
