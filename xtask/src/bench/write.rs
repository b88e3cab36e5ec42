//! `cargo xtask bench write`: records over HTTP into a durable PostgreSQL, by our service, by what
//! people would write or take instead, and by the tools that set the limit.

mod cpu;
pub(super) mod round;
mod shown;
pub(super) mod workload;

use std::time::Instant;

use super::bed::Bed;
use super::corpus;
use super::limits::{NO_PGBENCH, files};
use super::peers::{self, Peer};
use super::result::Part;
use super::serve::build_load;
use super::transport::Transport;
use crate::error::Result;
use crate::workspace::Workspace;
use round::{Rounds, Sent, Times};
use workload::{Wanted, Who, Workload};

/// Records that are sent in turn: more than there are indexes could be warm for by chance.
const PAYLOAD_RECORDS: u64 = 20_000;

/// Records over HTTP: ours, what people would write or take instead, and the limits.
///
/// Everybody writes the same records into a copy of the same empty table, with all its indexes, on
/// the same durable PostgreSQL: one record a request over 1, 16 and 64 connections; batches of 100
/// and 1,000 over 2; the same for records with much metadata, over 16 connections and in batches of
/// 100; and writes with every fourth request a read of the newest page, over 16. The records are real
/// ones where they lie beside the checkout, and else the generator's. Each measurement has a table, a server and a warm-up of its own. In each round every side comes once
/// under every workload, one side right after the other, and the rounds' ratios are what counts.
///
/// For each server it also tells how soon it acknowledges its first record, the most memory it holds
/// with 64 connections, and what a thousand records cost it, PostgreSQL and the client in processor
/// time. Two of the peers need Node.js, which is obtained where there is none, and one needs
/// Python, without which it is left out, and that is said. With the defaults it takes about seventeen minutes, and longer the first time.
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

What was measured is kept as target/bench/results/write.json, also with --only: measure all before a
report is made of it.")]
pub(crate) struct Args {
    /// How often each side is measured under each workload.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// For how long, each time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// For how long before that, each time, without being counted.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    warm_up: u32,
    /// Rows that COPY writes: about as many as batches do in the time they have.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    records: u64,
    /// Connections to PostgreSQL that each peer has; with 10 each is as its library makes it.
    #[arg(long, default_value_t = peers::POOL, value_parser = clap::value_parser!(u16).range(2..=80))]
    pool: u16,
    /// How servers, psql and pgbench reach PostgreSQL; given several times, each round measures all
    /// of them.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Vec<Transport>,
    /// Only sides or workloads with this in their name; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let wanted = Wanted::new(&args.only)?;
    let began = Instant::now();
    let databases = Transport::sorted(&args.database);
    let bed = Bed::start(workspace, &databases)?;
    let (peers, left_out) = peers::prepare(workspace, &bed, &wanted.servers(), args.pool)?;
    let client = build_load(workspace)?;
    let usual = corpus::usual(workspace, &bed.bench.dir, PAYLOAD_RECORDS)?;
    let large = corpus::large(workspace, &bed)?;
    let copies = match wanted.sides.iter().any(|who| matches!(who, Who::Copy(_))) {
        true => files(workspace, &bed, args.records)?,
        false => Vec::new(),
    };
    let mut part = Part { name: "write".to_owned(), ..Part::default() };
    part.settings = bed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::made_of));
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
    // A part that is not whole says so wherever it is shown.
    let only = (!args.only.is_empty()).then(|| ("only".to_owned(), args.only.join("; ")));
    part.settings.extend(only);
    part.notes.extend(left_out);
    part.notes.extend(NOTES.map(str::to_owned));
    if !bed.bench.bin().join("pgbench").exists() {
        part.notes.push(NO_PGBENCH.to_owned());
    }
    let [usual, large] = [Sent::of(usual)?, Sent::of(large)?];
    let times = Times { warm_up: args.warm_up, seconds: args.seconds, per_second: None };
    let rounds = Rounds { bed: &bed, peers, client, usual, large, copies, times };
    for round in 0..args.rounds {
        println!("\nround {} of {}", round + 1, args.rounds);
        rounds.run(usize::from(round), &wanted, &databases, &mut part)?;
    }
    part.save(workspace)?;
    shown::table(&part);
    println!("\n{} s in all", began.elapsed().as_secs());
    Ok(())
}

/// What a reader has to know to judge the figures.
const NOTES: [&str; 13] = [
    "The load client, the server and PostgreSQL share the machine's processors, so what one of them \
     uses the others lack; the processor time of each is given for a thousand records.",
    "The client's processor time includes its start, about a twentieth of a second, which counts where \
     there are few records.",
    "Each measurement has an empty copy of the migrated table with all its indexes, a server that was \
     started for it, and a warm-up; a checkpoint comes before it. Afterwards the table must hold \
     every record that was acknowledged.",
    "All sides get the same records in turn, byte for byte, without ids and times: 20,000 of the usual \
     kind, or all that have much metadata. pgbench draws from 120 of them, spread evenly, because it \
     takes no more statements.",
    "auditrail checks an API key on every call and validates every field. The peers ask nobody for a \
     key and check no more than their frameworks do by themselves, which favours them.",
    "No side writes a log line for each request: auditrail would by default, and runs with \
     AUDITRAIL_LOG=warn.",
    "Servers, psql and pgbench reach PostgreSQL over the connection that the title of a table names. \
     With 1 ms each way they connect to a proxy on the same machine that forwards each chunk of bytes \
     1 ms after it came, in both directions. The pools of the peers are of the size that the \
     settings tell, where each library would open 10 connections by itself; FastAPI's two workers \
     have one half each. auditrail has its defaults.",
    "Batches go over 2 connections. Of the peers only PostgREST has such a call. COPY is measured \
     once a round, into a table of its own, and stands in for both sizes of batch; it is of records \
     of the usual kind.",
    "In mixed work every fourth request of each of the 16 connections asks for the newest hundred \
     records; the rate counts the records written, and the processor time for a thousand of them \
     has the reads in it.",
    "Start-up is the time from starting the program until it has acknowledged a record. Memory is \
     the high-water mark of each of the server's processes, added up, after the load over 64 \
     connections; auditrail, fastify, axum and PostgREST are one process.",
    "The crate audit-trail 1.1.0 has no figures: it knows no database. Its sinks are a file and \
     memory, and its file is flushed to disk only when the caller asks for that (sinks/file.rs).",
    "The crate auditlog 0.1.0 has no figures: it keeps versions of an application's models in a table \
     of its own, `audits`, with other columns and indexes (backend/sqlx_backend.rs), and numbers them \
     under a unique index, so that two records of one target at a time collide.",
    "PostgREST is version 12.0.2, the newest that npm carries; the project itself is further on.",
];
