//! `cargo xtask bench network`: the service over TCP beside a Unix socket, and with network latency beside
//! its alternatives.

use std::path::Path;

use crate::harness::corpus::{self, Corpus};
use crate::harness::load;
use crate::harness::measure::percentile;
use crate::harness::peers::{self, Peer, Side};
use crate::harness::sql_client::SqlClient;
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::parts::write::round::{Payload, Rounds, Times};
use crate::parts::write::workload::Workload;
use crate::report;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Number of different records.
const PAYLOAD_RECORDS: u64 = 20_000;
/// The workloads over TCP and over the Unix socket.
const TCP_AND_UNIX: [Workload; 5] = [
    Workload::Single(1),
    Workload::Single(4),
    Workload::Single(16),
    Workload::Single(64),
    Workload::Batch(1_000),
];
/// The workloads with latency, and the servers.
const DELAYED: [Workload; 2] = [Workload::Single(1), Workload::Single(64)];
const DELAYED_SIDES: [Side; 3] = [Side::Ours, Side::Fastify, Side::Axum];
/// Number of `select 1` in each round; the first tenth is warm-up.
const ROUND_TRIPS: usize = 300;

/// The service over TCP beside a Unix socket, and with 1 ms each way beside peers.
///
/// Each round measures single records over 1, 4, 16 and 64 connections, batches of 1,000 over 2, and
/// an import, over TCP and over the Unix socket in alternating order, one right after the other. Then
/// single records over 1 and 64 connections through a proxy that adds 1 ms in each direction, beside
/// fastify + pg and axum + sqlx. It also measures a round trip of `select 1` over each connection. The
/// defaults take about ten minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench network
  cargo xtask bench network --rounds 1 --seconds 2 --records 20000
  cargo xtask bench network --only auditrail

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
    /// Records of the import.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    records: u64,
    /// With latency, only servers with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let sides = sides(&args.only);
    let testbed = Testbed::start(workspace, &Transport::ALL)?;
    let (peers, missing) = peers::prepare(workspace, &testbed, &sides, peers::POOL)?;
    let client = load::build(workspace)?;
    let usual = corpus::usual(workspace, &testbed.bench.dir, PAYLOAD_RECORDS)?;
    let import = corpus::usual(workspace, &testbed.bench.dir, args.records)?;
    let mut part = Part { name: "network".to_owned(), ..Part::default() };
    part.settings = testbed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::setting));
    let own = [
        ("rounds", args.rounds.to_string()),
        ("seconds of each measurement", args.seconds.to_string()),
        ("records of the import", args.records.to_string()),
        ("connections of each peer's pool", peers::POOL.to_string()),
        ("records", usual.what.clone()),
    ];
    part.settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
    part.notes.extend(missing);
    part.notes.extend(NOTES.map(str::to_owned));
    let large = Payload::of(Corpus { file: usual.file.clone(), what: String::new() })?;
    let times = Times { warm_up: args.warm_up, seconds: args.seconds, per_second: None };
    let (usual, copies) = (Payload::of(usual)?, Vec::new());
    let rounds = Rounds { testbed: &testbed, peers, client, usual, large, copies, times };
    for round in 0..args.rounds {
        println!("\nround {} of {}", round + 1, args.rounds);
        round_trips(&testbed, &mut part)?;
        tcp_and_unix(&rounds, &import.file, round, &mut part)?;
        delayed(&rounds, round, &mut part)?;
    }
    part.save(workspace)?;
    report::judge(&part)
}

/// The servers with one of the texts in their name, and always Auditrail.
fn sides(only: &[String]) -> Vec<Side> {
    let matches = |side: &Side| {
        only.iter().any(|text| side.name().to_lowercase().contains(&text.to_lowercase()))
    };
    let is_selected = |side: &Side| *side == Side::Ours || only.is_empty() || matches(side);
    DELAYED_SIDES.into_iter().filter(is_selected).collect()
}

/// The latency of each connection: a statement that does nothing.
fn round_trips(testbed: &Testbed, part: &mut Part) -> Result<()> {
    let empty = testbed.empty("bench_trips")?;
    for transport in Transport::ALL {
        let mut client = SqlClient::connect(empty.url(transport)?)?;
        let round_trip = |_| client.query("select 1").map(|answer| answer.millis);
        let millis = (0..ROUND_TRIPS).map(round_trip).collect::<Result<Vec<_>>>()?;
        let mut measured = millis[ROUND_TRIPS / 10..].to_vec();
        measured.sort_by(f64::total_cmp);
        let [p50, p99] = [50.0, 99.0].map(|percent| percentile(&measured, percent));
        println!("  select 1, {:<24} p50 {p50:>7.3} ms   p99 {p99:>7.3} ms", transport.name());
        part.add(&transport.workload("select 1"), "psql's protocol", ("p50", "ms"), p50);
    }
    Ok(())
}

/// Measures each workload over TCP and over the Unix socket.
fn tcp_and_unix(rounds: &Rounds<'_>, import: &Path, round: u16, part: &mut Part) -> Result<()> {
    let ours = rounds.peers.iter().find(|peer| peer.side == Side::Ours);
    let ours = ours.ok_or_else(|| Error::Refused("the service is not prepared".to_owned()))?;
    let mut transports = [Transport::Tcp, Transport::Unix];
    transports.rotate_left(usize::from(round) % 2);
    for workload in TCP_AND_UNIX {
        for transport in transports {
            println!("  {}", transport.workload(&workload.name()));
            rounds.server(ours, (workload, transport), part)?;
        }
    }
    for transport in transports {
        let empty = rounds.testbed.empty("bench_import")?;
        let bench = &rounds.testbed.bench;
        let seconds = bench.import(import, empty.url(transport)?)?.seconds;
        let rows = empty.sql("select count(*) from control_plane.audit_logs")?;
        let rows: f64 = rows.parse().map_err(|_| Error::Refused(format!("{rows} rows")))?;
        let workload = transport.workload("import");
        part.add(&workload, Side::Ours.name(), ("rate", "records/s"), rows / seconds);
        println!("  {workload}\n    {:>38.0} records/s", rows / seconds);
    }
    Ok(())
}

/// Measures each server through the delay proxy.
fn delayed(rounds: &Rounds<'_>, round: u16, part: &mut Part) -> Result<()> {
    let mut peers: Vec<_> = rounds.peers.iter().collect();
    let first = usize::from(round) % peers.len();
    peers.rotate_left(first);
    for workload in DELAYED {
        println!("  {}", Transport::Delayed.workload(&workload.name()));
        for peer in &peers {
            rounds.server(peer, (workload, Transport::Delayed), part)?;
        }
    }
    Ok(())
}

const NOTES: [&str; 5] = [
    "All connections are to the same PostgreSQL on the same machine: TCP to 127.0.0.1, the Unix socket, \
     and TCP through a proxy that forwards each chunk of bytes after 1 ms, in both directions and \
     without limiting the rate. `select 1` is the round trip of one statement; its time beyond 2 ms \
     through the proxy is the overhead of the proxy.",
    "The proxy is an unprivileged process, whose processor time is given beside that of the others. A \
     network namespace with netem would delay packets in the kernel, but requires CAP_NET_ADMIN.",
    "TCP and the Unix socket are measured one right after the other under each workload, in alternating \
     order; ratios are of the same round.",
    "Each measurement has an empty copy of the migrated table with all its indexes, a fresh server, a \
     checkpoint and a warm-up. Afterwards the table must contain every acknowledged record.",
    "The load client, the server, the proxy and PostgreSQL share the machine's processors.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auditrail_is_always_selected() {
        assert_eq!(sides(&[]), DELAYED_SIDES);
        assert_eq!(sides(&["fastify".to_owned()]), [Side::Ours, Side::Fastify]);
        assert_eq!(sides(&["auditrail".to_owned()]), [Side::Ours]);
    }
}
