//! `cargo xtask bench network`: the service over TCP beside a Unix socket, and over a connection with
//! a delay beside what people would write instead.

use std::path::Path;

use super::bed::Bed;
use super::corpus::{self, Corpus};
use super::measure::percentile;
use super::peers::{self, Peer, Side};
use super::plain::Plain;
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
/// What is measured over TCP and over the Unix socket.
const BESIDE: [Workload; 5] = [
    Workload::Single(1),
    Workload::Single(4),
    Workload::Single(16),
    Workload::Single(64),
    Workload::Batch(1_000),
];
/// What is measured with the delay, and on which servers.
const DELAYED: [Workload; 2] = [Workload::Single(1), Workload::Single(64)];
const DELAYED_SIDES: [Side; 3] = [Side::Ours, Side::Fastify, Side::Axum];
/// How often `select 1` is sent in each round; the first tenth is not counted.
const ROUND_TRIPS: usize = 300;

/// The service over TCP beside a Unix socket, and with 1 ms each way beside peers.
///
/// Each round measures single records over 1, 4, 16 and 64 connections, batches of 1,000 over 2, and
/// an import, over TCP and over the Unix socket, one right after the other; which of them is first
/// changes from round to round. Then single records over 1 and 64 connections through a proxy that
/// delays each chunk of bytes by 1 ms in each direction, beside fastify + pg and axum + sqlx. It also
/// measures a round trip of `select 1` over each connection. With the defaults it takes about ten
/// minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench network
  cargo xtask bench network --rounds 1 --seconds 2 --records 20000
  cargo xtask bench network --only auditrail

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
    /// Records that are imported.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    records: u64,
    /// With the delay, only servers with this in their name; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let sides = sides(&args.only);
    let bed = Bed::start(workspace, &Transport::ALL)?;
    let (peers, left_out) = peers::prepare(workspace, &bed, &sides, peers::POOL)?;
    let client = build_load(workspace)?;
    let usual = corpus::usual(workspace, &bed.bench.dir, PAYLOAD_RECORDS)?;
    let import = corpus::usual(workspace, &bed.bench.dir, args.records)?;
    let mut part = Part { name: "network".to_owned(), ..Part::default() };
    part.settings = bed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::made_of));
    let own = [
        ("rounds", args.rounds.to_string()),
        ("seconds of each measurement", args.seconds.to_string()),
        ("records of the import", args.records.to_string()),
        ("connections of each peer's pool", peers::POOL.to_string()),
        ("records", usual.what.clone()),
    ];
    part.settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
    part.notes.extend(left_out);
    part.notes.extend(NOTES.map(str::to_owned));
    let large = Sent::of(Corpus { file: usual.file.clone(), what: String::new() })?;
    let times = Times { warm_up: args.warm_up, seconds: args.seconds, per_second: None };
    let (usual, copies) = (Sent::of(usual)?, Vec::new());
    let rounds = Rounds { bed: &bed, peers, client, usual, large, copies, times };
    for round in 0..args.rounds {
        println!("\nround {} of {}", round + 1, args.rounds);
        round_trips(&bed, &mut part)?;
        beside(&rounds, &import.file, round, &mut part)?;
        delayed(&rounds, round, &mut part)?;
    }
    part.save(workspace)?;
    report::judge(&part)
}

/// Those with a text in their name, and always ours.
fn sides(only: &[String]) -> Vec<Side> {
    let fits = |side: &Side| {
        only.iter().any(|text| side.name().to_lowercase().contains(&text.to_lowercase()))
    };
    let wanted = |side: &Side| *side == Side::Ours || only.is_empty() || fits(side);
    DELAYED_SIDES.into_iter().filter(wanted).collect()
}

/// What a connection costs by itself, the proxy included: a statement that does nothing.
fn round_trips(bed: &Bed, part: &mut Part) -> Result<()> {
    let empty = bed.empty("bench_trips")?;
    for transport in Transport::ALL {
        let mut plain = Plain::connect(empty.url(transport)?)?;
        let ask = |_| plain.ask("select 1").map(|answer| answer.millis);
        let millis = (0..ROUND_TRIPS).map(ask).collect::<Result<Vec<_>>>()?;
        let mut counted = millis[ROUND_TRIPS / 10..].to_vec();
        counted.sort_by(f64::total_cmp);
        let [p50, p99] = [50.0, 99.0].map(|percent| percentile(&counted, percent));
        println!("  select 1, {:<24} p50 {p50:>7.3} ms   p99 {p99:>7.3} ms", transport.name());
        part.add(&transport.workload("select 1"), "psql's protocol", ("p50", "ms"), p50);
    }
    Ok(())
}

/// TCP and the Unix socket, one after the other under each workload.
fn beside(rounds: &Rounds<'_>, import: &Path, round: u16, part: &mut Part) -> Result<()> {
    let ours = rounds.peers.iter().find(|peer| peer.side == Side::Ours);
    let ours = ours.ok_or_else(|| Error::Refused("there is no service to measure".to_owned()))?;
    let mut transports = [Transport::Tcp, Transport::Unix];
    transports.rotate_left(usize::from(round) % 2);
    for workload in BESIDE {
        for transport in transports {
            println!("  {}", transport.workload(&workload.name()));
            rounds.server(ours, (workload, transport), part)?;
        }
    }
    for transport in transports {
        let empty = rounds.bed.empty("bench_import")?;
        let bench = &rounds.bed.bench;
        let seconds = bench.import(import, empty.url(transport)?)?.seconds;
        let rows = empty.sql("select count(*) from control_plane.audit_logs")?;
        let rows: f64 = rows.parse().map_err(|_| Error::Refused(format!("{rows} rows")))?;
        let workload = transport.workload("import");
        part.add(&workload, Side::Ours.name(), ("rate", "records/s"), rows / seconds);
        println!("  {workload}\n    {:>38.0} records/s", rows / seconds);
    }
    Ok(())
}

/// Through the delaying proxy.
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

/// What a reader has to know to judge the figures.
const NOTES: [&str; 5] = [
    "All connections are to the same PostgreSQL on the same machine: TCP to 127.0.0.1, its Unix \
     socket, and TCP through a proxy that forwards each chunk of bytes 1 ms after it came, in both \
     directions and without a limit to the rate. `select 1` is the round trip of one statement over \
     each; what it takes beyond 2 ms through the proxy is what the proxy adds.",
    "The proxy is a process of its own that needs no privileges; its processor time is given beside \
     that of the others. A network namespace with netem would delay packets in the kernel, but needs \
     the right to administer the network.",
    "TCP and the Unix socket are measured one right after the other under each workload; which is \
     first changes from round to round, and a ratio is of the same round.",
    "Each measurement has an empty copy of the migrated table with all its indexes, a server that was \
     started for it, and a warm-up; a checkpoint comes before it. Afterwards the table must hold \
     every record that was acknowledged.",
    "The load client, the server, the proxy and PostgreSQL share the machine's processors.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_measured_whatever_else_is_chosen() {
        assert_eq!(sides(&[]), DELAYED_SIDES);
        assert_eq!(sides(&["fastify".to_owned()]), [Side::Ours, Side::Fastify]);
        assert_eq!(sides(&["auditrail".to_owned()]), [Side::Ours]);
    }
}
