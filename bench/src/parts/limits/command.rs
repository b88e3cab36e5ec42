//! The command: the limits by themselves.

use super::{CopyFiles, Load, NO_PGBENCH, PAYLOADS, Payloads, copy, insert};
use crate::harness::corpus;
use crate::harness::measure;
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::Result;
use xtask::workspace::Workspace;

/// Number of different single records.
const SINGLES: u64 = 20_000;
const WARM_UP_SECONDS: u32 = 3;
/// Its name in the report.
pub(crate) const SIDE: &str = "pgbench, single-row INSERT";

/// The limits: COPY, and single-row INSERT by pgbench.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows that COPY writes.
    #[arg(long, default_value_t = 500_000)]
    records: u64,
    /// Duration of pgbench in seconds, after three seconds of warm-up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Number of rounds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Connection of psql and pgbench to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let testbed = Testbed::start(workspace, &[args.database])?;
    let dir = testbed.bench.dir.clone();
    let singles = corpus::usual(workspace, &dir, SINGLES)?;
    let payloads = Payloads::read(&singles.file, PAYLOADS)?;
    let files = files(workspace, &testbed, args.records)?;
    let mut settings = testbed.settings(&[])?;
    settings.push(Transport::setting(&[args.database]));
    let mut part = Part { name: "limits".to_owned(), settings, ..Part::default() };
    for round in 1..=args.rounds {
        println!("round {round} of {}", args.rounds);
        inserts(&testbed, &payloads, args, &mut part)?;
        copies(&testbed, &files, args.database, &mut part)?;
    }
    part.save(workspace)
}

/// The same records for one connection and for two.
pub(crate) fn files(
    workspace: &Workspace,
    testbed: &Testbed,
    records: u64,
) -> Result<Vec<CopyFiles>> {
    let corpus = corpus::usual(workspace, &testbed.bench.dir, records)?;
    let full = testbed.empty("bench_full")?;
    let mut import = testbed.bench.auditrail();
    import.env("DATABASE_URL", full.url(Transport::Unix)?);
    import.args(["--quiet", "import", "--format", "ndjson"]).arg(corpus.file);
    measure::run(import)?;
    let from = full.database(Transport::Unix)?;
    [1, 2].map(|n| CopyFiles::of_table(from, n, &testbed.bench.dir)).into_iter().collect()
}

fn inserts(testbed: &Testbed, payloads: &Payloads, args: &Args, part: &mut Part) -> Result<()> {
    let seconds = args.seconds;
    for connections in [1, 16, 64] {
        let empty = testbed.empty("bench_limit")?;
        let load = Load { connections, warm_up_seconds: WARM_UP_SECONDS, seconds };
        let database = empty.database(args.database)?;
        let Some(inserts) = insert(database, payloads, load, &testbed.bench.dir)? else {
            if part.notes.is_empty() {
                part.notes.push(NO_PGBENCH.to_owned());
            }
            return Ok(());
        };
        println!("  INSERT, {connections:>2} connections: {:>8.0} records/s", inserts.per_second);
        let workload = workload(connections);
        part.add(&workload, SIDE, ("rate", "records/s"), inserts.per_second);
        for (metric, value) in [("p50", inserts.p50), ("p99", inserts.p99), ("max", inserts.max)] {
            part.add(&workload, SIDE, (metric, "ms"), value);
        }
    }
    Ok(())
}

fn workload(connections: u16) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("single, {connections} connection{plural}")
}

fn copies(
    testbed: &Testbed,
    files: &[CopyFiles],
    transport: Transport,
    part: &mut Part,
) -> Result<()> {
    for (files, side) in files.iter().zip(["COPY, 1 connection", "COPY, 2 connections"]) {
        let empty = testbed.empty("bench_limit")?;
        let copied = copy(empty.database(transport)?, files)?;
        println!("  {side}: {:>8.0} records/s", copied.per_second());
        part.add("binary COPY", side, ("rate", "records/s"), copied.per_second());
    }
    Ok(())
}
