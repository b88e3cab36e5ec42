//! `cargo xtask bench floor`: what a request costs the service in processor time, beside a handler that
//! only reads and writes JSON.

use super::bed::Bed;
use super::corpus::{self, Corpus};
use super::measure::Spread;
use super::peers::{self, Peer, Side};
use super::report;
use super::result::Part;
use super::serve::build_load;
use super::transport::Transport;
use super::write::round::{Rounds, Sent, Times};
use super::write::workload::Workload;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Different records that are sent in turn.
const PAYLOAD_RECORDS: u64 = 20_000;
const WORKLOADS: [Workload; 2] = [Workload::Single(4), Workload::Single(64)];
const SIDES: [Side; 2] = [Side::Ours, Side::Bare];
/// The bare handler under a load that is as fast as the service's, and no faster.
const SAME_RATE: &str = "bare handler, same rate";
/// The processor time of a server for one request, and its unit.
pub(super) const CPU: (&str, &str) = ("processor time of a request", "µs");

/// Processor time of the service for a request, beside a bare axum handler.
///
/// The bare handler reads the same JSON into a struct and answers with it: HTTP and JSON alone. Each
/// round measures both under single records over 4 and 64 connections, one right after the other; the
/// service once for each connection to PostgreSQL. With the defaults it takes about four minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench floor
  cargo xtask bench floor --rounds 1 --seconds 2 --database tcp

Fails when a goal of docs/performance.md for this part is not reached, after all was measured and kept.")]
pub(crate) struct Args {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// For how long, each time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// For how long before that, each time, without being counted.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    warm_up: u32,
    /// How the service reaches PostgreSQL; may be given several times.
    #[arg(long, value_enum, default_values = ["tcp", "unix"])]
    database: Vec<Transport>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let transports = Transport::sorted(&args.database);
    let bed = Bed::start(workspace, &transports)?;
    let (peers, left_out) = peers::prepare(workspace, &bed, &SIDES, peers::POOL)?;
    if let Some(why) = left_out.first() {
        return Err(Error::Refused(why.clone()));
    }
    let client = build_load(workspace)?;
    let usual = corpus::usual(workspace, &bed.bench.dir, PAYLOAD_RECORDS)?;
    let mut part = Part { name: "floor".to_owned(), ..Part::default() };
    part.settings = bed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::made_of));
    let own = [
        ("rounds", args.rounds.to_string()),
        ("seconds of each measurement", args.seconds.to_string()),
        ("records", usual.what.clone()),
    ];
    part.settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
    part.settings.push(Transport::setting(&transports));
    part.notes.extend(NOTES.map(str::to_owned));
    let large = Sent::of(Corpus { file: usual.file.clone(), what: String::new() })?;
    let times = Times { warm_up: args.warm_up, seconds: args.seconds, per_second: None };
    let (usual, copies) = (Sent::of(usual)?, Vec::new());
    let mut rounds = Rounds { bed: &bed, peers, client, usual, large, copies, times };
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

/// Both sides, one right after the other, and the bare handler again with as many requests a second as
/// the service answered.
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
        keep(&measured, &name, side.name(), side.name(), part)?;
    }
    let ours = part.figure(&name, Side::Ours.name(), "rate");
    rounds.times.per_second = ours.and_then(|figure| figure.rounds.last().copied());
    let measured = measure(rounds, Side::Bare, (workload, transport));
    rounds.times.per_second = None;
    keep(&measured?, &name, Side::Bare.name(), SAME_RATE, part)
}

fn measure(
    rounds: &Rounds<'_>,
    side: Side,
    (workload, transport): (Workload, Transport),
) -> Result<Part> {
    let mut measured = Part::default();
    let peer = rounds.peers.iter().find(|peer| peer.side == side);
    let none = || Error::Refused(format!("{} is not there", side.name()));
    rounds.server(peer.ok_or_else(none)?, (workload, transport), &mut measured)?;
    Ok(measured)
}

/// Keeps what this part is about of the figures of one measurement of `side`, as those of `kept_as`.
fn keep(measured: &Part, workload: &str, side: &str, kept_as: &str, part: &mut Part) -> Result<()> {
    let median = |metric| {
        let figure = measured.figure(workload, side, metric)?;
        Some(Spread::of(figure.rounds.iter().copied()).median)
    };
    let none = || Error::Refused("the system does not give the processor time".to_owned());
    // Seconds for a thousand records are thousands of microseconds for one.
    let micros = median("cpu").ok_or_else(none)? * 1_000.0;
    part.add(workload, kept_as, CPU, micros);
    println!("    {kept_as:<28} {micros:>9.1} µs of processor time a request");
    for (metric, unit) in [("rate", "requests/s"), ("p50", "ms"), ("p99", "ms")] {
        if let Some(value) = median(metric) {
            part.add(workload, kept_as, (metric, unit), value);
        }
    }
    Ok(())
}

/// What a reader has to know to judge the figures.
const NOTES: [&str; 6] = [
    "The bare handler is axum's own server with one route: serde reads the record into a struct, and \
     the answer is the same record as JSON. It checks no key and no field, and knows no database.",
    "Both are built with the same profile, have the same version of axum, mimalloc with the same \
     options as the allocator, and tokio's runtime with a worker for each processor.",
    "The processor time is that of the server's process, user and system, by the count of the kernel \
     over the measured seconds, divided by the requests that were answered in them. That of \
     PostgreSQL and of the load client is not in it.",
    "The load is a closed loop: each connection sends its next request when it has the answer. So the \
     bare handler answers many more requests in the same time, and a wake-up of its threads is \
     shared by more of them; that makes the ratio larger, not smaller.",
    "So the bare handler is measured once more under a load with as many requests a second, over as \
     many connections, as the service has just answered: what HTTP and JSON cost at that rate.",
    "The database that the title of a table names is the service's; the bare handler is measured \
     again beside each.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_told_for_one_request() {
        let (mut measured, mut part) = (Part::default(), Part::default());
        measured.add("w", "auditrail", ("cpu", "s per 1,000 records"), 0.05);
        measured.add("w", "auditrail", ("rate", "records/s"), 900.0);
        keep(&measured, "w", "auditrail", "kept", &mut part).unwrap();
        assert_eq!(part.figure("w", "kept", CPU.0).unwrap().rounds, [50.0]);
        assert_eq!(part.figure("w", "kept", "rate").unwrap().unit, "requests/s");
        assert!(keep(&Part::default(), "w", "auditrail", "kept", &mut part).is_err());
    }
}
