//! Writes by HTTP into an empty log, which parts measure with and without something else.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::postgres_server::PostgresServer;
use crate::harness::program::{self, Bench};
use crate::harness::service::Service;
use crate::harness::transport::Transport;
use crate::harness::{corpus, load};
use crate::result::Part;
use xtask::error::{Error, Result};
use xtask::sh::Sh;
use xtask::workspace::Workspace;

/// Number of different records.
const RECORDS: u64 = 20_000;
/// The names of the workloads, and the options of the load client.
pub(crate) const WORKLOADS: [(&str, &[&str]); 2] = [
    ("batches of 1,000, 2 connections", &["--connections", "2", "--batch", "1000"]),
    ("single records, 64 connections", &["--connections", "64"]),
];

/// A durable PostgreSQL, the program, and the records to write.
pub(crate) struct Ingest {
    pub(crate) bench: Bench,
    cluster: PostgresServer,
    load: PathBuf,
    records: PathBuf,
    transport: Transport,
}

/// A service of an empty log.
pub(crate) struct EmptyLog {
    pub(crate) service: Service,
    /// Its URL, as the owner of the table.
    pub(crate) url: String,
    key: String,
}

/// What a load achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Records a second.
    pub(crate) rate: f64,
    /// The longest request, in milliseconds.
    pub(crate) longest: f64,
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

    /// Empties the log and starts a service with these variables.
    pub(crate) fn empty_log(&self, variables: &[(&str, &str)]) -> Result<EmptyLog> {
        self.bench.reset()?;
        let create = ["key", "create", "--name", "benchmark", "--scope", "write"];
        let key = self.bench.run(&create)?.trim().to_owned();
        let url = self.cluster.url(self.transport, &self.bench.database()?)?;
        let mut serve = self.bench.auditrail();
        serve.env("DATABASE_URL", &url).envs(variables.iter().copied());
        Ok(EmptyLog { service: Service::start(serve)?, url, key })
    }

    /// Writes for some seconds.
    pub(crate) fn load(&self, to: &EmptyLog, options: &[&str], seconds: u16) -> Result<Load> {
        let load = Sh::new(&self.load).quiet_env("AUDITRAIL_KEY", &to.key);
        let load = load.args(["--to", &to.service.address, "--seconds", &seconds.to_string()]);
        let report = load.args(options).arg("--bodies").arg(&self.records).read()?;
        let value: Value = serde_json::from_str(&report).unwrap_or_default();
        let figures = || {
            let rate = value["records_per_second"].as_f64()?;
            Some(Load { rate, longest: value["latency_ms"]["max"].as_f64()? })
        };
        figures().ok_or_else(|| Error::Refused(format!("not a report: {report}")))
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
