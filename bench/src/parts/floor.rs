//! `cargo xtask bench floor`: processor time of the service for a request, beside a handler that only
//! reads and writes JSON.

use crate::harness::corpus::{self, Corpus};
use crate::harness::load;
use crate::harness::peers::{self, Peer, Side};
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::parts::write::round::{Payload, Rounds, Times};
use crate::parts::write::workload::Workload;
use crate::report;
use crate::result::{Part, REQUEST_CPU};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Number of different records.
const PAYLOAD_RECORDS: u64 = 20_000;
const WORKLOADS: [Workload; 2] = [Workload::Single(4), Workload::Single(64)];
const SIDES: [Side; 2] = [Side::Ours, Side::Bare];

/// Processor time of the service for a request, beside a bare axum handler.
///
/// The bare handler parses the same JSON and returns it: HTTP and JSON alone. Each round measures both
/// with single records over 4 and 64 connections, one right after the other, the service once for each
/// connection to PostgreSQL. The defaults take about four minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench floor
  cargo xtask bench floor --rounds 1 --seconds 2 --database tcp

Fails if a target of docs/performance.md for this part is missed, after saving all results.")]
pub(crate) struct Args {
    /// Number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of each measurement, in seconds.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Warm-up before each measurement, in seconds.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    warm_up: u32,
    /// Connection to PostgreSQL; may be repeated.
    #[arg(long, value_enum, default_values = ["tcp", "unix"])]
    database: Vec<Transport>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let transports = Transport::sorted(&args.database);
    let testbed = Testbed::start(workspace, &transports)?;
    let (peers, missing) = peers::prepare(workspace, &testbed, &SIDES, peers::POOL)?;
    if let Some(reason) = missing.first() {
        return Err(Error::Refused(reason.clone()));
    }
    let client = load::build(workspace)?;
    let usual = corpus::usual(workspace, &testbed.bench.dir, PAYLOAD_RECORDS)?;
    let mut part = Part { name: "floor".to_owned(), ..Part::default() };
    part.settings = testbed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::setting));
    let own = [
        ("rounds", args.rounds.to_string()),
        ("seconds of each measurement", args.seconds.to_string()),
        ("records", usual.what.clone()),
    ];
    part.settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
    part.settings.push(Transport::setting(&transports));
    part.notes.extend(NOTES.map(str::to_owned));
    let large = Payload::of(Corpus { file: usual.file.clone(), what: String::new() })?;
    let times = Times { warm_up: args.warm_up, seconds: args.seconds };
    let (usual, copies) = (Payload::of(usual)?, Vec::new());
    let rounds = Rounds { testbed: &testbed, peers, client, usual, large, copies, times };
    for round in 0..args.rounds {
        println!("\nround {} of {}", round + 1, args.rounds);
        for workload in WORKLOADS {
            for transport in &transports {
                pair(&rounds, (workload, *transport), usize::from(round), &mut part)?;
            }
        }
    }
    part.save(workspace)?;
    report::judge(&part)
}

/// Measures both sides, one right after the other.
fn pair(
    rounds: &Rounds<'_>,
    (workload, transport): (Workload, Transport),
    round: usize,
    part: &mut Part,
) -> Result<()> {
    let mut peers: Vec<_> = rounds.peers.iter().collect();
    let first = round % peers.len();
    peers.rotate_left(first);
    println!("  {}", transport.workload(&workload.name()));
    for peer in peers {
        let mut measured = Part::default();
        rounds.server(peer, (workload, transport), &mut measured)?;
        add(&measured, &transport.workload(&workload.name()), peer.side.name(), part)?;
    }
    Ok(())
}

/// Adds the figures of one measurement to the part.
fn add(measured: &Part, workload: &str, side: &str, part: &mut Part) -> Result<()> {
    let median = |metric| Some(measured.figure(workload, side, metric)?.spread().median);
    let unknown = || Error::Refused("/proc has no processor time".to_owned());
    // A second for a thousand records is a millisecond for one.
    let micros = median("cpu").ok_or_else(unknown)? * 1_000.0;
    part.add(workload, side, REQUEST_CPU, micros);
    println!("    {:<28} {micros:>9.1} µs of processor time a request", "");
    for (metric, unit) in [("rate", "requests/s"), ("p50", "ms"), ("p99", "ms")] {
        if let Some(value) = median(metric) {
            part.add(workload, side, (metric, unit), value);
        }
    }
    Ok(())
}

const NOTES: [&str; 5] = [
    "The bare handler is axum's own server with one route: serde parses the record into a struct, which \
     is the response as JSON. It checks no API key and no field, and has no database.",
    "Both have the same build profile, the same version of axum, mimalloc with the same options, and \
     tokio's runtime with one worker for each processor.",
    "Processor time is the user and system time of the server's process over the measured seconds, \
     divided by the number of responses. It excludes PostgreSQL and the load client.",
    "The load is a closed loop: each connection sends its next request after the response to the last \
     one. The bare handler therefore serves many more requests in the same time, and more of them \
     share one wake-up of its threads, which makes the ratio larger, not smaller.",
    "The connection in the title of a table is the service's; the bare handler is measured again \
     beside each.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_per_request() {
        let (mut measured, mut part) = (Part::default(), Part::default());
        measured.add("w", "auditrail", ("cpu", "s per 1,000 records"), 0.05);
        measured.add("w", "auditrail", ("rate", "records/s"), 900.0);
        add(&measured, "w", "auditrail", &mut part).unwrap();
        assert_eq!(part.figure("w", "auditrail", REQUEST_CPU.0).unwrap().rounds, [50.0]);
        assert_eq!(part.figure("w", "auditrail", "rate").unwrap().unit, "requests/s");
        assert!(add(&Part::default(), "w", "auditrail", &mut part).is_err());
    }
}
