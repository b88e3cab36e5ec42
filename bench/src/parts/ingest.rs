//! Writes by HTTP into an empty log, which parts measure with and without something else.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::corpus;
use crate::harness::load::{self, LoadReport};
use crate::harness::measure::percentile;
use crate::harness::postgres_server::PostgresServer;
use crate::harness::program::{self, Bench};
use crate::harness::service::Service;
use crate::harness::transport::Transport;
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Number of different records.
const RECORDS: u64 = 20_000;
/// Pause between two looks at a lag.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// The workload of batches.
pub(crate) const BATCHES: &str = "batches of 1,000, 2 connections";
/// The workload of single records.
pub(crate) const SINGLES: &str = "single records, 64 connections";
/// The names of the workloads, and the options of the load client.
pub(crate) const WORKLOADS: [(&str, &[&str]); 2] =
    [(BATCHES, &["--connections", "2", "--batch", "1000"]), (SINGLES, &["--connections", "64"])];

/// A durable PostgreSQL, the program, and the records to write.
pub(crate) struct Ingest {
    pub(crate) bench: Bench,
    cluster: PostgresServer,
    load: PathBuf,
    records: PathBuf,
    transport: Transport,
}

/// A log without records.
pub(crate) struct FreshLog {
    /// Its URL, as the owner of the table.
    pub(crate) url: String,
    key: String,
}

impl Ingest {
    /// Starts PostgreSQL in a directory of the part.
    pub(crate) fn start(workspace: &Workspace, part: &str, transport: Transport) -> Result<Self> {
        let bench = program::prepare(workspace)?;
        let load = load::build(workspace)?;
        let bench = bench.at(workspace.target().join("bench").join(part));
        let cluster = bench.start(workspace, &[transport])?;
        bench.refuse_undurable()?;
        let records = corpus::sample(workspace, &bench.dir, RECORDS)?;
        Ok(Self { bench, cluster, load, records, transport })
    }

    /// The settings for a report.
    pub(crate) fn settings(&self, rounds: u16, seconds: u16) -> Result<Vec<(String, String)>> {
        Ok(vec![
            ("PostgreSQL".to_owned(), self.bench.sql("show server_version")?.trim().to_owned()),
            ("rounds".to_owned(), rounds.to_string()),
            ("seconds of each side in a round".to_owned(), seconds.to_string()),
            Transport::setting(&[self.transport]),
        ])
    }

    /// Removes all records.
    pub(crate) fn fresh_log(&self) -> Result<FreshLog> {
        self.bench.reset()?;
        let create = ["key", "create", "--name", "benchmark", "--scope", "write"];
        let key = self.bench.run(&create)?.trim().to_owned();
        let url = self.cluster.url(self.transport, &self.bench.database()?)?;
        Ok(FreshLog { url, key })
    }

    /// Starts a service of the log with these variables.
    pub(crate) fn serve(&self, log: &FreshLog, variables: &[(&str, &str)]) -> Result<Service> {
        let mut serve = self.bench.auditrail();
        serve.env("DATABASE_URL", &log.url).envs(variables.iter().copied());
        Service::start(serve)
    }

    /// Writes for some seconds.
    pub(crate) fn write(
        &self,
        (service, log): (&Service, &FreshLog),
        options: &[&str],
        seconds: u16,
    ) -> Result<LoadReport> {
        load::write(&self.load, (&service.address, &log.key), &self.records, options, seconds)
    }
}

/// The figures of a measurement.
pub(crate) struct Measured {
    /// Records a second.
    pub(crate) rate: f64,
    /// The lag of what follows the writers, in milliseconds, ascending; none without it.
    pub(crate) lags: Vec<f64>,
}

impl Ingest {
    /// Writes for some seconds after one of warm-up, and reads a metric of a lag in seconds meanwhile.
    pub(crate) fn rate_and_lags(
        &self,
        to: (&Service, &FreshLog),
        (options, seconds): (&[&str], u16),
        metric: Option<&str>,
    ) -> Result<Measured> {
        self.write(to, options, 1)?;
        let (is_done, mut lags) = (AtomicBool::new(false), Vec::new());
        let rate = thread::scope(|scope| {
            let looks = metric.map(|metric| scope.spawn(|| looks(to.0, metric, &is_done)));
            let report = self.write(to, options, seconds);
            is_done.store(true, Ordering::Relaxed);
            if let Some(looks) = looks {
                lags = looks.join().map_err(|_| Error::Refused("a look panicked".to_owned()))??;
            }
            Ok::<_, Error>(report?.per_second)
        })?;
        lags.sort_by(f64::total_cmp);
        Ok(Measured { rate, lags })
    }
}

/// The lag every 20 ms until the load is done, in milliseconds.
fn looks(service: &Service, metric: &str, is_done: &AtomicBool) -> Result<Vec<f64>> {
    let mut lags = Vec::new();
    while !is_done.load(Ordering::Relaxed) {
        let metrics = service.metrics()?;
        let lag = metrics.lines().find_map(|line| line.strip_prefix(metric));
        let lag = lag.and_then(|seconds| seconds.trim().parse::<f64>().ok());
        let lag = lag.ok_or_else(|| Error::Refused("the metrics have no lag".to_owned()))?;
        lags.push(lag * 1_000.0);
        #[expect(clippy::disallowed_methods, reason = "the interval of a measurement")]
        thread::sleep(LOOK_INTERVAL);
    }
    Ok(lags)
}

impl Measured {
    /// Adds the figures to a part, and prints them.
    pub(crate) fn add(&self, (workload, side): (&str, &str), round: u16, part: &mut Part) {
        part.add(workload, side, ("rate", "records/s"), self.rate);
        print!("{round:<4} {workload:<32} {side:<36} {:>9.0}", self.rate);
        if self.lags.is_empty() {
            println!();
            return;
        }
        let (median, high) = (percentile(&self.lags, 50.0), percentile(&self.lags, 99.0));
        part.add(workload, side, ("lag p50", "ms"), median);
        part.add(workload, side, ("lag p99", "ms"), high);
        println!(" {median:>7.0} {high:>7.0}");
    }
}

/// Prints a share of a rate for each workload; the lines of those whose median is too small.
pub(crate) fn shares(part: &Part, side: &str, to: &str, at_least: f64) -> Vec<String> {
    let mut missed = Vec::new();
    for (workload, _) in WORKLOADS {
        let Some(share) = part.ratio((workload, "rate"), side, to) else { continue };
        let line = format!(
            "{workload}: {:.2} of the rate without ({:.2} to {:.2})",
            share.median, share.min, share.max
        );
        println!("{line}");
        if share.median < at_least {
            missed.push(line);
        }
    }
    missed
}

/// Prints a metric of a side for each workload; the lines of those whose median is too long.
pub(crate) fn at_most(part: &Part, side: &str, metric: &str, limit: f64) -> Vec<String> {
    let mut missed = Vec::new();
    for (workload, _) in WORKLOADS {
        let Some(figure) = part.figure(workload, side, metric) else { continue };
        let spread = figure.spread();
        let line = format!(
            "{workload}: {metric} {:.0} {} ({:.0} to {:.0})",
            spread.median, figure.unit, spread.min, spread.max
        );
        println!("{line}");
        if spread.median > limit {
            missed.push(line);
        }
    }
    missed
}

/// An error that lists what was missed.
pub(crate) fn refuse(missed: &[String]) -> Result<()> {
    if missed.is_empty() { Ok(()) } else { Err(Error::Refused(missed.join("; "))) }
}
