//! `cargo xtask bench growth`: write rates into a large log, beside COPY into the same table.

mod rows;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::measure::Spread;
use crate::harness::sql_client::SqlClient;
use crate::harness::transport::Transport;
use crate::harness::{corpus, load, program};
use crate::parts::ingest::{BATCHES, SINGLES, WORKLOADS};
use crate::parts::query::filled::{Filled, grouped};
use crate::result::Part;
use rows::Rows;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// The database that is written to: a copy of a filled one.
const COPY: &str = "growth";
/// Logs up to this size are copied for each measurement. Larger ones are copied once: the measurements add
/// few records in proportion.
const MAX_FRESH_COPY: u64 = 2_000_000;
/// Connections of batches, and of COPY.
const WRITERS: u32 = 2;
/// Records in a batch, and in a transaction of COPY.
const BATCH: u32 = 1_000;
/// Number of different records.
const RECORDS: u64 = 20_000;

/// Write rates into a large log, beside COPY into the same log.
///
/// A copy of each filled log is written into: batches of 1,000 over 2 connections and single records
/// over 64 by HTTP, and COPY of 1,000 rows a transaction over 2 connections. The filled logs stay as
/// they are; `cargo xtask bench query` uses them too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench growth                              0, one million and ten million records
  cargo xtask bench growth --records 0,100000 --rounds 1 --seconds 2

The relevant ratio is the rate into the largest log by that into the smallest, in the same round.
The copy of ten million records takes another 9 GB.")]
pub(crate) struct Args {
    /// Sizes of the logs in records, ascending.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1_000_000, 10_000_000])]
    records: Vec<u64>,
    /// Number of rounds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of each measurement in seconds, after one second of warm-up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// Connection of the service and COPY to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Fail if the rate of batches into the largest log is a smaller share of that into the smallest.
    #[arg(long, default_value_t = 0.9)]
    at_least: f64,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !args.records.is_sorted_by(|less, more| less < more) || args.records.is_empty() {
        return Err(Error::Refused("the sizes must be distinct and ascending".to_owned()));
    }
    let bench = program::prepare(workspace)?;
    let load = load::build(workspace)?;
    let mut logs = Vec::new();
    for records in &args.records {
        logs.push(Log::new(Filled::open(workspace, &bench, (*records, 0), args.database)?)?);
    }
    let records = match logs.last() {
        Some(Log { filled, .. }) if filled.records > 0 => {
            corpus::selection(&filled.bench, filled.records, RECORDS)?
        }
        _ => corpus::sample(workspace, &bench.dir, RECORDS)?,
    };
    let rows = Rows::read(&records)?;
    let mut part = Part { name: "growth".to_owned(), ..Part::default() };
    let version = logs[0].filled.bench.sql("show server_version")?;
    part.settings = vec![
        ("PostgreSQL".to_owned(), version.trim().to_owned()),
        ("rounds".to_owned(), args.rounds.to_string()),
        ("seconds of each side in a round".to_owned(), args.seconds.to_string()),
        Transport::setting(&[args.database]),
    ];
    part.notes = NOTES.map(str::to_owned).to_vec();
    println!("\nrecords a second, and p99 in milliseconds");
    println!("{:<8} {:>12} {:>18} {:>18} {:>12}", "round", "records", "batches", "singles", "COPY");
    for round in 1..=args.rounds {
        for log in &mut logs {
            let testbed =
                Measurements { load: &load, records: &records, rows: &rows, seconds: args.seconds };
            testbed.measure(log, round, &mut part)?;
        }
    }
    part.save(workspace)?;
    judge(&part, args)
}

const NOTES: [&str; 5] = [
    "Each side writes to a copy of the filled log. Up to two million records the copy is fresh for each \
     measurement; larger logs are copied once, and the measurements add a few per cent to them. The \
     partition of new records is closed before each measurement, and by the service when it is full.",
    "A checkpoint precedes each measurement, so that all begin with the same cost of full page writes, \
     and one second of warm-up.",
    "COPY is text, 1,000 rows a transaction, with ids in time order like the service's, all prepared \
     before the measurement.",
    "The records are 20,000 random ones of the largest log, sent in turn with new ids and times, so \
     that their index entries belong all over the indexes: new values at the end of an index would \
     be cheaper.",
    "Client, service and PostgreSQL share the processors of one machine.",
];

/// A filled log, and the copy that is written to.
struct Log {
    filled: Filled,
    copy: String,
    is_copied: bool,
}

impl Log {
    fn new(filled: Filled) -> Result<Self> {
        let copy = filled.url_of(COPY)?;
        let log = Self { filled, copy, is_copied: false };
        // An interrupted run leaves its copy.
        log.drop_copy()?;
        Ok(log)
    }

    /// Creates the copy if necessary, closes its partition of new records, and makes a checkpoint.
    fn prepare(&mut self) -> Result<()> {
        let sql = |sql: &str| self.filled.bench.sql(sql).map(drop);
        if !self.is_copied || self.filled.records <= MAX_FRESH_COPY {
            self.drop_copy()?;
            // Copies files, where the default strategy would write all records to the WAL.
            let template = self.filled.bench.sql("select current_database()")?;
            let template = template.trim();
            self.filled.check_disk_space()?;
            sql(&format!("create database {COPY} template {template} strategy file_copy"))?;
            self.is_copied = true;
            // To the sequencer it is a restored database, of which it compares all records with the sequence.
            self.filled.bench.run_on(&self.copy, &["sequence", "--once"])?;
        }
        self.filled.bench.run_on(&self.copy, &["partition", "close"])?;
        sql("checkpoint")
    }

    fn drop_copy(&self) -> Result<()> {
        self.filled.bench.sql(&format!("drop database if exists {COPY} with (force)")).map(drop)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop(self.drop_copy());
    }
}

/// The inputs of all measurements.
struct Measurements<'a> {
    load: &'a Path,
    /// The records of both sides, as NDJSON and as rows.
    records: &'a Path,
    rows: &'a Rows,
    seconds: u16,
}

impl Measurements<'_> {
    fn measure(&self, log: &mut Log, round: u16, part: &mut Part) -> Result<()> {
        let side = log.filled.side("auditrail");
        let mut cells = Vec::new();
        for (workload, options) in WORKLOADS {
            log.prepare()?;
            let service = log.filled.serve(&log.copy)?;
            let to = (service.address.as_str(), log.filled.key());
            load::write(self.load, to, self.records, options, 1)?;
            let report = load::write(self.load, to, self.records, options, self.seconds)?;
            service.stop()?;
            let (rate, p99) = (report.per_second, report.latency.p99);
            part.add(workload, &side, ("rate", "records/s"), rate);
            part.add(workload, &side, ("p99", "ms"), p99);
            cells.push(format!("{rate:>10.0} {p99:>7.1}"));
        }
        log.prepare()?;
        let rate = self.copy(&log.copy)?;
        part.add(BATCHES, &log.filled.side("COPY"), ("rate", "records/s"), rate);
        let records = grouped(log.filled.records);
        println!("{round:<8} {records:>12} {} {rate:>12.0}", cells.join(" "));
        Ok(())
    }

    /// The total rate of all writers, in rows a second.
    fn copy(&self, url: &str) -> Result<f64> {
        let (warm, time) = (Duration::from_secs(1), Duration::from_secs(self.seconds.into()));
        // More than can be written in the time.
        let chunks = u32::from(self.seconds + 1) * 100;
        let chunks_by_writer: Vec<_> =
            (0..WRITERS).map(|writer| self.rows.chunks(writer, chunks, BATCH)).collect();
        let writers: Vec<_> = chunks_by_writer
            .into_iter()
            .map(|chunks| {
                let client = SqlClient::connect(url)?;
                Ok(thread::spawn(move || write(client, &chunks, warm, time)))
            })
            .collect::<Result<_>>()?;
        let mut rate = 0.0;
        for writer in writers {
            rate += writer.join().map_err(|_| Error::Refused("a writer panicked".to_owned()))??;
        }
        Ok(rate)
    }
}

/// Copies chunks for a time; the rate after the warm-up, in rows a second.
fn write(mut client: SqlClient, chunks: &[Vec<u8>], warm: Duration, time: Duration) -> Result<f64> {
    let statement = client.prepare(rows::STATEMENT)?;
    let mut chunks = chunks.iter();
    let mut write_for = |time: Duration| {
        let start = Instant::now();
        let mut rows = 0;
        while start.elapsed() < time {
            let Some(chunk) = chunks.next() else {
                break;
            };
            client.copy(&statement, chunk)?;
            rows += BATCH;
        }
        Ok(f64::from(rows) / start.elapsed().as_secs_f64())
    };
    write_for(warm)?;
    write_for(time)
}

/// Prints the shares of the rate that remain, and fails below the required one.
fn judge(part: &Part, args: &Args) -> Result<()> {
    let [smallest, .., largest] = args.records[..] else {
        return Ok(());
    };
    let side = |name: &str, records: u64| format!("{name}, {} records", grouped(records));
    let share = |workload: &str, who: &str| {
        part.ratio((workload, "rate"), &side(who, largest), &side(who, smallest))
    };
    println!("\nrate with {} records by that with {}", grouped(largest), grouped(smallest));
    for (workload, who) in [(BATCHES, "auditrail"), (SINGLES, "auditrail"), (BATCHES, "COPY")] {
        if let Some(Spread { min, median, max }) = share(workload, who) {
            println!("{who:<10} {workload:<34} {median:>5.2}   ({min:.2} to {max:.2})");
        }
    }
    match share(BATCHES, "auditrail").filter(|share| share.median < args.at_least) {
        Some(share) => Err(Error::Refused(format!(
            "the rate into the largest log is {:.2} of that into the smallest, required are {}",
            share.median, args.at_least
        ))),
        None => Ok(()),
    }
}
