//! `cargo xtask bench write`: records over HTTP into a durable PostgreSQL, by Auditrail, its alternatives, and
//! the tools that set the limits.

mod cpu;
pub(crate) mod round;
mod summary;
pub(crate) mod workload;

use std::time::Instant;

use crate::harness::corpus;
use crate::harness::load;
use crate::harness::peers::{self, Peer};
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::parts::limits::{NO_PGBENCH, files};
use crate::result::Part;
use round::{Payload, Rounds, Times};
use workload::{MeasuredSide, Selection, Workload};
use xtask::error::Result;
use xtask::workspace::Workspace;

/// Number of different records; many, so that not all index pages are cached.
const PAYLOAD_RECORDS: u64 = 20_000;

/// Records over HTTP: Auditrail, its alternatives, and the limits.
///
/// All sides write the same records into a copy of the same empty table, with all its indexes, on the
/// same durable PostgreSQL: one record a request over 1, 16 and 64 connections; batches of 100 and 1,000
/// over 2; the same for records with much metadata, over 16 connections and in batches of 100; and
/// writes with every fourth request a read of the newest page, over 16. The records are real ones if
/// available beside the checkout, and by default generated. Each measurement has a fresh table, a fresh
/// server and a warm-up. Each round measures every side under every workload, one side right after the
/// other; ratios are of the same round.
///
/// For each server it also measures the time to its first record, the peak memory with 64 connections,
/// and the processor time of a thousand records in the server, PostgreSQL and the client. Two of the peers
/// need Node.js, which is installed if missing; one needs Python and is left out without it, with a note.
/// The defaults take about seventeen minutes, and longer the first time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench write
  cargo xtask bench write --rounds 1 --seconds 2
  cargo xtask bench write --only auditrail --only fastify
  cargo xtask bench write --only auditrail --only pgbench --only 'single, 64'
  cargo xtask bench write --only auditrail --only COPY --only batches
  cargo xtask bench write --database tcp --database unix --only 'single, 64'

Sides:      auditrail, fastify + pg, axum + sqlx, FastAPI + asyncpg, PostgREST,
            pgbench (single-row INSERT), COPY over 1 and 2 connections
Workloads:  single, 1 connection; single, 16 connections; single, 64 connections;
            batches of 100, 2 connections; batches of 1,000, 2 connections;
            single, 16 connections, much metadata;
            batches of 100, 2 connections, much metadata; mixed, 16 connections

The results are saved as target/bench/results/write.json, also with --only: measure everything before
a report.")]
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
    /// Rows that COPY writes: about as many as batches write in their time.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    records: u64,
    /// Pool size of each peer; 10 is the default of their libraries.
    #[arg(long, default_value_t = peers::POOL, value_parser = clap::value_parser!(u16).range(2..=80))]
    pool: u16,
    /// Connection to PostgreSQL; may be repeated, and each round then measures all.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Vec<Transport>,
    /// Only sides or workloads with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let selection = Selection::new(&args.only)?;
    let start = Instant::now();
    let databases = Transport::sorted(&args.database);
    let testbed = Testbed::start(workspace, &databases)?;
    let (peers, missing) = peers::prepare(workspace, &testbed, &selection.servers(), args.pool)?;
    let client = load::build(workspace)?;
    let usual = corpus::usual(workspace, &testbed.bench.dir, PAYLOAD_RECORDS)?;
    let large = corpus::large(workspace, &testbed)?;
    let copies = if selection.sides.iter().any(|side| matches!(side, MeasuredSide::Copy(_))) {
        files(workspace, &testbed, args.records)?
    } else {
        Vec::new()
    };
    let mut part = Part { name: "write".to_owned(), ..Part::default() };
    part.settings = testbed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::setting));
    let own = [
        ("rounds", args.rounds.to_string()),
        ("seconds of each measurement", args.seconds.to_string()),
        ("seconds of warm-up before it", args.warm_up.to_string()),
        ("rows that COPY writes", args.records.to_string()),
        ("connections of each peer's pool", args.pool.to_string()),
        ("records", usual.what.clone()),
        ("records with much metadata", large.what.clone()),
    ];
    part.settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
    part.settings.push(Transport::setting(&databases));
    // So that the report shows that the results are partial.
    let only = (!args.only.is_empty()).then(|| ("only".to_owned(), args.only.join("; ")));
    part.settings.extend(only);
    part.notes.extend(missing);
    part.notes.extend(NOTES.map(str::to_owned));
    if !testbed.bench.bin().join("pgbench").exists() {
        part.notes.push(NO_PGBENCH.to_owned());
    }
    let [usual, large] = [Payload::of(usual)?, Payload::of(large)?];
    let times = Times { warm_up: args.warm_up, seconds: args.seconds, per_second: None };
    let rounds = Rounds { testbed: &testbed, peers, client, usual, large, copies, times };
    for round in 0..args.rounds {
        println!("\nround {} of {}", round + 1, args.rounds);
        rounds.run(usize::from(round), &selection, &databases, &mut part)?;
    }
    part.save(workspace)?;
    summary::print(&part);
    println!("\n{} s in total", start.elapsed().as_secs());
    Ok(())
}

const NOTES: [&str; 13] = [
    "The load client, the server and PostgreSQL share the machine's processors; the processor time of \
     each is given for a thousand records.",
    "The client's processor time includes its start, about 50 ms, which matters where there are few \
     records.",
    "Each measurement has an empty copy of the migrated table with all its indexes, a fresh server, a \
     checkpoint and a warm-up. Afterwards the table must contain every acknowledged record.",
    "All sides get the same records in turn, byte for byte, without ids and times: 20,000 of the usual \
     kind, or all that have much metadata. pgbench uses 120 of them, spread evenly, because it accepts \
     no more statements.",
    "auditrail checks an API key on every request and validates every field. The peers require no key \
     and check only what their frameworks check by default, which favours them.",
    "No side logs requests: auditrail does by default, and runs with AUDITRAIL_LOG=warn.",
    "Servers, psql and pgbench use the connection to PostgreSQL in the title of a table. With 1 ms each \
     way they connect to a proxy on the same machine that forwards each chunk of bytes after 1 ms, in \
     both directions. The pools of the peers have the size in the settings, where the default of their \
     libraries is 10; each of FastAPI's two workers has half of it. auditrail has its defaults.",
    "Batches use 2 connections. Of the peers only PostgREST supports them. COPY is measured once a \
     round, into a fresh table with records of the usual kind, and compared with both sizes of batch.",
    "In the mixed workload every fourth request of each of the 16 connections reads the newest hundred \
     records. The rate counts written records, and the processor time of a thousand of them includes \
     the reads.",
    "Start-up is the time from starting the program to its first acknowledged record. Memory is the sum \
     of the high-water marks of the server's processes after the load over 64 connections; auditrail, \
     fastify, axum and PostgREST are one process.",
    "The crate audit-trail 1.1.0 has no figures: it has no database. Its sinks are a file and memory, and \
     the file is synced to disk only on request of the caller (sinks/file.rs).",
    "The crate auditlog 0.1.0 has no figures: it stores versions of an application's models in its own \
     table `audits`, with other columns and indexes (backend/sqlx_backend.rs), and numbers them under a \
     unique index, so that concurrent records of one target conflict.",
    "PostgREST is version 12.0.2, the newest on npm; the project has newer versions.",
];
