//! `cargo xtask bench serve`: start-up time of `auditrail serve`, and its memory when idle, under load, and
//! during a large export to a slow reader.

mod limits;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::corpus::sample;
use crate::harness::load;
use crate::harness::measure::Spread;
use crate::harness::program::{Bench, count, prepare};
use crate::harness::service::Service;
use crate::harness::transport::Transport;
use crate::result::Part;
use limits::{Limited, NOTES, add, judge};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Number of starts.
const STARTS: u32 = 11;
/// Idle time before the idle memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// Start-up time and memory of `auditrail serve`, against limits.
///
/// It is started eleven times to measure the time to readiness, and its memory is read when idle. Then a
/// fresh service runs under each kind of load, and under all at once, to measure its peak memory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench serve
  cargo xtask bench serve --seconds 2 --records 100000
  cargo xtask bench serve --load-mib 64      whether a lower limit would hold

Fails if a figure is over its limit, after saving all results.")]
pub(crate) struct Args {
    /// Duration of each load, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Records in the log, which are exported.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Speed of the reader of the export.
    #[arg(long, default_value_t = 20)]
    export_mib_per_second: u32,
    /// Connection of the service to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Limit of the idle memory, in MiB.
    #[arg(long, default_value_t = 32)]
    idle_mib: u32,
    /// Limit of the peak memory under any load, in MiB.
    #[arg(long, default_value_t = 128)]
    load_mib: u32,
    /// Limit of the peak memory during an export, in MiB.
    #[arg(long, default_value_t = 64)]
    export_mib: u32,
    /// Limit of the time from its start to readiness, in milliseconds.
    #[arg(long, default_value_t = 300)]
    ready_ms: u32,
}

/// Arguments of the load client.
struct Loads {
    single: Vec<String>,
    batch: Vec<String>,
    large: Vec<String>,
    export: Vec<String>,
}

impl Loads {
    fn new(args: &Args) -> Self {
        let seconds = args.seconds.to_string();
        let load = |connections: &str, more: &[&str]| {
            let first = ["--connections", connections, "--seconds", &seconds];
            first.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
        };
        let rate = args.export_mib_per_second.to_string();
        let export = "/v1/audit-logs/export?format=ndjson";
        // The duration depends on the reader alone.
        let slow =
            ["--seconds", "1", "--requests", "1", "--mib-per-second", &rate, "--get", export];
        Self {
            single: load("64", &[]),
            batch: load("8", &["--batch", "1000"]),
            // Ten thousand records of this size are slightly less than 16 MiB.
            large: load("4", &["--batch", "10000", "--record-bytes", "1640"]),
            export: ["--connections", "1"].into_iter().chain(slow).map(str::to_owned).collect(),
        }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let bench = prepare(workspace)?;
    let load = load::build(workspace)?;
    let cluster = bench.start(workspace, &[args.database])?;
    let url = cluster.url(args.database, &bench.database()?)?;
    let measured = measure(workspace, (&bench, &url), &load, args)?;
    let version = bench.sql("show server_version")?;
    drop(cluster);
    let mut part = Part { name: "serve".to_owned(), ..Part::default() };
    part.settings = vec![
        ("PostgreSQL".to_owned(), version.trim().to_owned()),
        ("records there at the start".to_owned(), args.records.to_string()),
        ("seconds of each load".to_owned(), args.seconds.to_string()),
        Transport::setting(&[args.database]),
    ];
    part.notes = NOTES.map(str::to_owned).to_vec();
    add(&mut part, &measured);
    part.save(workspace)?;
    judge(&measured)
}

fn measure(
    workspace: &Workspace,
    (bench, url): (&Bench, &str),
    load: &Path,
    args: &Args,
) -> Result<Vec<Limited>> {
    fill(workspace, (bench, url), args.records)?;
    let scopes = ["--scope", "write", "--scope", "read", "--scope", "export"];
    let key = bench.run(&[&["key", "create"][..], &scopes].concat())?.trim().to_owned();
    let testbed = Measurements { bench, load, url, key: &key };
    let mut figures = start_up(&testbed, args)?;
    let loads = Loads::new(args);
    let (load, export) = (f64::from(args.load_mib), f64::from(args.export_mib));
    for (what, running, most) in [
        ("64 connections, single records", vec![&loads.single], load),
        ("8 connections, batches of 1,000", vec![&loads.batch], load),
        ("4 connections, batches of 16 MiB", vec![&loads.large], load),
        ("an export to a slow reader", vec![&loads.export], export),
        (
            "all of these at once",
            vec![&loads.single, &loads.batch, &loads.large, &loads.export],
            load,
        ),
    ] {
        let value = testbed.peak_under(what, &running)?;
        figures.push(Limited { what, values: vec![value], unit: "MiB", most });
    }
    Ok(figures)
}

/// Imports records unless the log has as many.
fn fill(workspace: &Workspace, (bench, url): (&Bench, &str), records: u64) -> Result<()> {
    bench.run(&["migrate"])?;
    #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^52")]
    if count(bench)? < records as f64 {
        bench.reset()?;
        println!("importing {records} records");
        bench.import(&sample(workspace, &bench.dir, records)?, url)?;
    }
    Ok(())
}

/// Measures the time to readiness and the idle memory.
fn start_up(testbed: &Measurements<'_>, args: &Args) -> Result<Vec<Limited>> {
    let mut printed = Vec::new();
    let mut ready = Vec::new();
    for _ in 0..STARTS {
        let service = testbed.serve()?;
        printed.push(service.printed.as_secs_f64() * 1_000.0);
        ready.push(service.ready.as_secs_f64() * 1_000.0);
        service.stop()?;
    }
    let line = Spread::of(printed);
    let answer = Spread::of(ready.iter().copied());
    println!(
        "\nready line   median {:>6.0} ms   ({:.0} to {:.0})",
        line.median, line.min, line.max
    );
    println!(
        "/readyz 200  median {:>6.0} ms   ({:.0} to {:.0})",
        answer.median, answer.min, answer.max
    );
    let service = testbed.serve()?;
    #[expect(clippy::disallowed_methods, reason = "idle memory is measured")]
    thread::sleep(IDLE);
    let idle = service.memory()?.now_mib;
    service.stop()?;
    let most = f64::from(args.ready_ms);
    Ok(vec![
        Limited { what: "from start to ready", values: ready, unit: "ms", most },
        Limited { what: "idle", values: vec![idle], unit: "MiB", most: f64::from(args.idle_mib) },
    ])
}

/// The inputs of all measurements.
struct Measurements<'a> {
    bench: &'a Bench,
    load: &'a Path,
    url: &'a str,
    key: &'a str,
}

impl Measurements<'_> {
    fn serve(&self) -> Result<Service> {
        let mut serve = self.bench.auditrail();
        serve.env("DATABASE_URL", self.url);
        Service::start(serve)
    }

    /// The peak memory of a fresh service under concurrent loads.
    fn peak_under(&self, what: &str, loads: &[&Vec<String>]) -> Result<f64> {
        let service = self.serve()?;
        println!("\n{what}");
        let started: Vec<Child> =
            loads.iter().map(|args| self.start(args, &service)).collect::<Result<_>>()?;
        for child in started {
            report(child)?;
        }
        let memory = service.memory()?;
        println!("  peak {:.1} MiB, {:.1} MiB after it", memory.peak_mib, memory.now_mib);
        service.stop()?;
        Ok(memory.peak_mib)
    }

    fn start(&self, args: &[String], service: &Service) -> Result<Child> {
        let mut load = Command::new(self.load);
        load.args(["--to", &service.address]).args(args).env("AUDITRAIL_KEY", self.key);
        let line = format!("{load:?}");
        load.stdout(Stdio::piped()).spawn().map_err(|source| Error::NotStarted { line, source })
    }
}

/// Waits for a load to end, and prints its report.
fn report(child: Child) -> Result<()> {
    let output = child.wait_with_output().map_err(Error::doing("wait for the load"))?;
    let failed = |reason: &str| {
        let stdout = String::from_utf8_lossy(&output.stdout);
        Error::Refused(format!("the load {reason}: {stdout}"))
    };
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|_| failed("failed"))?;
    println!(
        "  {} of {} connections: {:.0} requests/s, {:.0} records/s, p50 {} ms, p99 {} ms, \
         {} bytes read, statuses {}, broken {}",
        if report["batch"].is_null() {
            "load".to_owned()
        } else {
            format!("batches of {}", report["batch"])
        },
        report["connections"],
        report["requests_per_second"].as_f64().unwrap_or_default(),
        report["records_per_second"].as_f64().unwrap_or_default(),
        report["latency_ms"]["p50"],
        report["latency_ms"]["p99"],
        report["bytes"],
        report["statuses"],
        report["broken"],
    );
    // A 503 is a response; a broken connection is not.
    if report["broken"] == 0 && report["refused"] == 0 {
        Ok(())
    } else {
        Err(failed("lost connections"))
    }
}
