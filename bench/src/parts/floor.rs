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
/// The bare handler at the request rate of the service.
const SAME_RATE: &str = "bare handler, same rate";

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
    let times = Times { warm_up: args.warm_up, seconds: args.seconds, per_second: None };
    let (usual, copies) = (Payload::of(usual)?, Vec::new());
    let mut rounds = Rounds { testbed: &testbed, peers, client, usual, large, copies, times };
    for round in 0..args.rounds {
        println!("\nround {} of {}", round + 1, args.rounds);
        for workload in WORKLOADS {
            for transport in &transports {
                pair(&mut rounds, (workload, *transport), usize::from(round), &mut part)?;
            }
        }
    }
    part.save(workspace)?;
    report::judge(&part)
}

/// Measures both sides, one right after the other, and then the bare handler with as many requests a
/// second as the service answered.
fn pair(
    rounds: &mut Rounds<'_>,
    (workload, transport): (Workload, Transport),
    round: usize,
    part: &mut Part,
) -> Result<()> {
    let name = transport.workload(&workload.name());
    println!("  {name}");
    let mut sides = SIDES;
    sides.rotate_left(round % SIDES.len());
    for side in sides {
        let measured = measure(rounds, side, (workload, transport))?;
        add(&measured, &name, (side.name(), side.name()), part)?;
    }
    let ours = part.figure(&name, Side::Ours.name(), "rate");
    rounds.times.per_second = ours.and_then(|figure| figure.rounds.last().copied());
    let measured = measure(rounds, Side::Bare, (workload, transport));
    rounds.times.per_second = None;
    add(&measured?, &name, (Side::Bare.name(), SAME_RATE), part)
}

fn measure(
    rounds: &Rounds<'_>,
    side: Side,
    (workload, transport): (Workload, Transport),
) -> Result<Part> {
    let mut measured = Part::default();
    let peer = rounds.peers.iter().find(|peer| peer.side == side);
    let missing = || Error::Refused(format!("{} is not available", side.name()));
    rounds.server(peer.ok_or_else(missing)?, (workload, transport), &mut measured)?;
    Ok(measured)
}

/// Adds the figures of one measurement of `side` to the part, under the name `label`.
fn add(
    measured: &Part,
    workload: &str,
    (side, label): (&str, &str),
    part: &mut Part,
) -> Result<()> {
    let median = |metric| Some(measured.figure(workload, side, metric)?.spread().median);
    let unknown = || Error::Refused("/proc has no processor time".to_owned());
    // A second for a thousand records is a millisecond for one.
    let micros = median("cpu").ok_or_else(unknown)? * 1_000.0;
    part.add(workload, label, REQUEST_CPU, micros);
    println!("    {label:<28} {micros:>9.1} µs of processor time a request");
    for (metric, unit) in [("rate", "requests/s"), ("p50", "ms"), ("p99", "ms")] {
        if let Some(value) = median(metric) {
            part.add(workload, label, (metric, unit), value);
        }
    }
    Ok(())
}

const NOTES: [&str; 6] = [
    "The bare handler is axum's own server with one route: serde parses the record into a struct, which \
     is the response as JSON. It checks no API key and no field, and has no database.",
    "Both have the same build profile, the same version of axum, mimalloc with the same options, and \
     tokio's runtime with one worker for each processor.",
    "Processor time is the user and system time of the server's process over the measured seconds, \
     divided by the number of responses. It excludes PostgreSQL and the load client.",
    "The load is a closed loop: each connection sends its next request after the response to the last \
     one. The bare handler therefore serves many more requests in the same time, and more of them \
     share one wake-up of its threads, which makes the ratio larger, not smaller.",
    "The bare handler is therefore measured a second time, with as many requests a second over as many \
     connections as the service has just answered: the cost of HTTP and JSON at that rate.",
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
        add(&measured, "w", ("auditrail", "label"), &mut part).unwrap();
        assert_eq!(part.figure("w", "label", REQUEST_CPU.0).unwrap().rounds, [50.0]);
        assert_eq!(part.figure("w", "label", "rate").unwrap().unit, "requests/s");
        assert!(add(&Part::default(), "w", ("auditrail", "label"), &mut part).is_err());
    }
}
