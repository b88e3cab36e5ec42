//! How quickly records are taken in when many are there already, beside COPY into the same table.

mod rows;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::measure::Spread;
use crate::harness::sql_client::SqlClient;
use crate::harness::transport::Transport;
use crate::harness::{corpus, load, program};
use crate::parts::query::filled::{Filled, grouped};
use crate::result::Part;
use rows::Rows;
use xtask::error::{Error, Result};
use xtask::sh::Sh;
use xtask::workspace::Workspace;

/// The database that is written into, a copy of a filled one.
const COPY: &str = "growth";
/// Up to how many records a filled log is copied again for each measurement. Larger ones are copied
/// once: what the measurements add is little of them.
const COPIED_EACH_TIME: u64 = 2_000_000;
/// Writers that send batches, and that copy.
const WRITERS: u32 = 2;
/// Records of a batch, and of a transaction of COPY.
const BATCH: u32 = 1_000;
/// How many different records are written.
const RECORDS: u64 = 20_000;
const BATCHES: &str = "batches of 1,000, 2 connections";
const SINGLES: &str = "single records, 64 connections";

/// The rate of writing with records there already, beside COPY in the same state.
///
/// A copy of each filled log is written into: batches of 1,000 over 2 connections and single records
/// over 64 by HTTP, and COPY of 1,000 rows a transaction over 2 connections. The filled logs stay as
/// they are; `cargo xtask bench query` uses them too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench growth                              0, a million, ten million records there
  cargo xtask bench growth --records 0,100000 --rounds 1 --seconds 2

The ratio to look at is the rate in the largest log by that in the smallest, in the same round.
A copy of ten million records takes 9 GB more while it is measured.")]
pub(crate) struct Args {
    /// Records that are there, from few to many.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1_000_000, 10_000_000])]
    records: Vec<u64>,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// For how long each side writes, after a second to warm up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// How the service and COPY reach PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Fail when batches into the largest log have a lower share of the rate of the smallest.
    #[arg(long, default_value_t = 0.8)]
    at_least: f64,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !args.records.is_sorted_by(|less, more| less < more) || args.records.is_empty() {
        return Err(Error::Refused(
            "give the sizes from the smallest to the largest, each once".to_owned(),
        ));
    }
    let bench = program::prepare(workspace)?;
    let load = load::build(workspace)?;
    let mut logs = Vec::new();
    for records in &args.records {
        logs.push(Log::new(Filled::open(workspace, &bench, (*records, args.database))?)?);
    }
    let records = match logs.last() {
        Some(Log { filled, .. }) if filled.records > 0 => {
            corpus::drawn(&filled.bench, filled.records, RECORDS)?
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
    println!("{:<8} {:>12} {:>18} {:>18} {:>12}", "round", "there", "batches", "singles", "COPY");
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
    "Each side wrote into a copy of the filled log, made anew for each measurement up to two million \
     records and once for larger ones, to which the measurements add a few per cent.",
    "A checkpoint came before each measurement, so that each begins with the same cost of writing \
     whole pages to the log of PostgreSQL; each side wrote for a second before it was measured.",
    "COPY is text, 1,000 rows a transaction, with ids in the order of time as the service makes them, \
     all put together before the clock starts.",
    "The records are 20,000 of the largest log, drawn by chance and sent in turn with new ids and \
     times, so that each belongs among others of its actor, its target and its tenant: new values at \
     the end of an index would be cheaper.",
    "Client, service and PostgreSQL share the processors of one machine.",
];

/// A filled log, and the copy of it that is written into, if there is one.
struct Log {
    filled: Filled,
    copy: String,
    is_copied: bool,
}

impl Log {
    fn new(filled: Filled) -> Result<Self> {
        let copy = filled.url_of(COPY)?;
        let log = Self { filled, copy, is_copied: false };
        // One that an earlier run was killed over.
        log.drop_copy()?;
        Ok(log)
    }

    /// Makes the copy where it is due, and gives both sides the same start.
    fn ready(&mut self) -> Result<()> {
        let sql = |sql: &str| self.filled.bench.sql(sql).map(drop);
        if !self.is_copied || self.filled.records <= COPIED_EACH_TIME {
            self.drop_copy()?;
            // As files: written as changes, ten million records would be logged once more.
            let template = self.filled.bench.sql("select current_database()")?;
            let template = template.trim();
            self.filled.refuse_without_room()?;
            sql(&format!("create database {COPY} template {template} strategy file_copy"))?;
            self.is_copied = true;
        }
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

/// What every measurement needs.
struct Measurements<'a> {
    load: &'a Path,
    /// What both sides write, as NDJSON and as rows.
    records: &'a Path,
    rows: &'a Rows,
    seconds: u16,
}

impl Measurements<'_> {
    fn measure(&self, log: &mut Log, round: u16, part: &mut Part) -> Result<()> {
        let there = log.filled.side("auditrail");
        let mut told = Vec::new();
        for (workload, args) in [
            (BATCHES, vec!["--connections", "2", "--batch", "1000"]),
            (SINGLES, vec!["--connections", "64"]),
        ] {
            log.ready()?;
            let service = log.filled.serve(&log.copy)?;
            self.load(&service.address, log, &args, 1)?;
            let report = self.load(&service.address, log, &args, self.seconds)?;
            service.end()?;
            let (rate, p99) = figures(&report)?;
            part.add(workload, &there, ("rate", "records/s"), rate);
            part.add(workload, &there, ("p99", "ms"), p99);
            told.push(format!("{rate:>10.0} {p99:>7.1}"));
        }
        log.ready()?;
        let rate = self.copy(&log.copy)?;
        part.add(BATCHES, &log.filled.side("COPY"), ("rate", "records/s"), rate);
        let there = grouped(log.filled.records);
        println!("{round:<8} {there:>12} {} {rate:>12.0}", told.join(" "));
        Ok(())
    }

    fn load(&self, to: &str, log: &Log, args: &[&str], seconds: u16) -> Result<Value> {
        let load = Sh::new(self.load).quiet_env("AUDITRAIL_KEY", log.filled.key());
        let load = load.args(["--to", to, "--seconds", &seconds.to_string()]).args(args);
        let told = load.arg("--bodies").arg(self.records).read()?;
        serde_json::from_str(&told).map_err(|_| Error::Refused(format!("not a report: {told}")))
    }

    /// Rows a second of all writers together.
    fn copy(&self, url: &str) -> Result<f64> {
        let (warm, time) = (Duration::from_secs(1), Duration::from_secs(self.seconds.into()));
        // More than can be written in the time.
        let chunks = u32::from(self.seconds + 1) * 100;
        let made: Vec<_> =
            (0..WRITERS).map(|writer| self.rows.chunks(writer, chunks, BATCH)).collect();
        let writers: Vec<_> = made
            .into_iter()
            .map(|chunks| {
                let client = SqlClient::connect(url)?;
                Ok(thread::spawn(move || write(client, &chunks, warm, time)))
            })
            .collect::<Result<_>>()?;
        let mut rate = 0.0;
        for writer in writers {
            let ended = writer.join().map_err(|_| Error::Refused("a writer failed".to_owned()))?;
            rate += ended?;
        }
        Ok(rate)
    }
}

/// Copies chunks until the time is over: rows a second after the warm-up.
fn write(mut client: SqlClient, chunks: &[Vec<u8>], warm: Duration, time: Duration) -> Result<f64> {
    let statement = client.prepare(rows::STATEMENT)?;
    let mut chunks = chunks.iter();
    let mut write_for = |time: Duration| {
        let (began, mut rows) = (Instant::now(), 0);
        while began.elapsed() < time {
            let Some(chunk) = chunks.next() else {
                break;
            };
            client.copy(&statement, chunk)?;
            rows += BATCH;
        }
        Ok(f64::from(rows) / began.elapsed().as_secs_f64())
    };
    write_for(warm)?;
    write_for(time)
}

/// The rate and p99 of a report of the load.
fn figures(report: &Value) -> Result<(f64, f64)> {
    let rate = report["records_per_second"].as_f64();
    let p99 = report["latency_ms"]["p99"].as_f64();
    rate.zip(p99).ok_or_else(|| Error::Refused(format!("no figures in {report}")))
}

/// Says what is left of the rate, and fails when it is too little.
fn judge(part: &Part, args: &Args) -> Result<()> {
    let [smallest, .., largest] = args.records[..] else {
        return Ok(());
    };
    let side = |who: &str, records: u64| format!("{who}, {} records", grouped(records));
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
            "the rate keeps {:.2} of what it is in the smallest log, and should keep {} or more",
            share.median, args.at_least
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_read_from_a_report() {
        let report = json!({"records_per_second": 5.5, "latency_ms": {"p99": 2.0}});
        assert_eq!(figures(&report).unwrap(), (5.5, 2.0));
        assert!(figures(&json!({"records_per_second": 5.5})).is_err());
    }
}
