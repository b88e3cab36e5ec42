//! The process of `bench-load`, and its report.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use xtask::workspace::Workspace;

use crate::harness::build;
use crate::harness::peers::{Route, Server};
use xtask::error::{Error, Result};
use xtask::sh::Sh;

/// Builds the load client, and says where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    build::bench(workspace, "bench-load")
}

/// The command of a load.
#[derive(Debug)]
pub(crate) struct Load {
    command: Command,
}

impl Load {
    /// `connections` that send to `route` for `seconds`.
    pub(crate) fn new(
        program: &Path,
        server: &Server,
        route: Route,
        (connections, seconds): (u16, u32),
    ) -> Self {
        let mut command = Command::new(program);
        command.arg("--to").arg(server.address.to_string()).args(["--path", route.path]);
        command.args(["--connections", &connections.to_string()]);
        command.args(["--seconds", &seconds.to_string()]);
        if let Some(header) = route.header {
            command.args(["--header", header]);
        }
        // A key in the environment belongs to another service.
        command.env_remove("AUDITRAIL_KEY");
        if let Some(key) = &server.key {
            command.env("AUDITRAIL_KEY", key);
        }
        Self { command }
    }

    /// Adds an option and its value.
    pub(crate) fn with(mut self, option: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(option).arg(value);
        self
    }

    /// Runs it to its end; fails unless every response was 2xx.
    pub(crate) fn run(self) -> Result<LoadReport> {
        let report = self.start()?.wait()?;
        if report.is_clean {
            Ok(report)
        } else {
            Err(Error::Refused(format!("some requests failed: {}", report.json)))
        }
    }

    pub(crate) fn start(self) -> Result<Loading> {
        start(self.command)
    }
}

/// Writes records of a file to a service, with the options of `bench-load`; fails unless every response was 2xx.
pub(crate) fn write(
    program: &Path,
    (to, key): (&str, &str),
    records: &Path,
    options: &[&str],
    seconds: u16,
) -> Result<LoadReport> {
    let load = Sh::new(program).quiet_env("AUDITRAIL_KEY", key);
    let load = load.args(["--to", to, "--seconds", &seconds.to_string()]).args(options);
    LoadReport::parse(load.arg("--bodies").arg(records).read()?.trim(), true)
}

/// Starts a program that prints one JSON document at its end.
pub(crate) fn start(mut command: Command) -> Result<Loading> {
    let line = format!("{command:?}");
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = piped.spawn().map_err(|source| Error::NotStarted { line, source })?;
    Ok(Loading { child: Some(child) })
}

/// A running load; killed when dropped.
#[derive(Debug)]
pub(crate) struct Loading {
    child: Option<Child>,
}

impl Loading {
    /// Waits for its end and reads its report.
    pub(crate) fn wait(self) -> Result<LoadReport> {
        let (json, is_clean) = self.finish()?;
        LoadReport::parse(&json, is_clean)
    }

    /// Waits for its end; what it printed, and whether it succeeded.
    pub(crate) fn finish(mut self) -> Result<(String, bool)> {
        let gone = || Error::Refused("the load has ended already".to_owned());
        let child = self.child.take().ok_or_else(gone)?;
        let output = child.wait_with_output().map_err(Error::doing("wait for the load"))?;
        let json = String::from_utf8_lossy(&output.stdout);
        Ok((json.trim().to_owned(), output.status.success()))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The outcome of a load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoadReport {
    /// Acknowledged records.
    pub(crate) records: f64,
    pub(crate) per_second: f64,
    /// Latency of the writes.
    pub(crate) latency: Latency,
    /// Rate and latency of the interleaved reads.
    pub(crate) reads: Option<(f64, Latency)>,
    /// Whether every response was 2xx.
    pub(crate) is_clean: bool,
    /// Requests with another response or none, and connections that could not be opened.
    pub(crate) failed: f64,
    pub(crate) json: String,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl LoadReport {
    fn parse(json: &str, is_clean: bool) -> Result<Self> {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let report = || {
            let reads = &value["reads"];
            let reads = if reads.is_null() {
                None
            } else {
                Some((reads["requests_per_second"].as_f64()?, latency(reads)?))
            };
            Some(Self {
                records: value["records"].as_f64()?,
                per_second: value["records_per_second"].as_f64()?,
                latency: latency(&value)?,
                reads,
                is_clean,
                failed: failed(&value)?,
                json: json.to_owned(),
            })
        };
        report().ok_or_else(|| Error::Refused(format!("the load failed; it printed `{json}`")))
    }
}

fn failed(report: &Value) -> Option<f64> {
    let others = report["statuses"].as_object()?.iter();
    let others = others.filter(|(status, _)| !status.starts_with('2'));
    let others: f64 = others.filter_map(|(_, times)| times.as_f64()).sum();
    Some(others + report["broken"].as_f64()? + report["refused"].as_f64()?)
}

fn latency(of: &Value) -> Option<Latency> {
    let at = |name| of["latency_ms"][name].as_f64();
    Some(Latency { p50: at("p50")?, p99: at("p99")?, max: at("max")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"records": 10, "records_per_second": 5.0,
        "statuses": {"201": 9, "503": 2}, "broken": 1, "refused": 3,
        "latency_ms": {"p50": 1.0, "p90": 1.5, "p99": 2.0, "max": 3.0}, "reads": null}"#;

    #[test]
    fn report_is_parsed() {
        let report = LoadReport::parse(JSON, true).unwrap();
        assert_eq!((report.records, report.per_second), (10.0, 5.0));
        assert_eq!(report.latency, Latency { p50: 1.0, p99: 2.0, max: 3.0 });
        assert_eq!(report.reads, None);
        assert_eq!(report.failed, 6.0);
    }

    #[test]
    fn interleaved_reads_are_separate() {
        let reads = r#"{"requests": 4, "requests_per_second": 2.0,
                        "latency_ms": {"p50": 4.0, "p99": 5.0, "max": 6.0}}"#;
        let json = JSON.replace("\"reads\": null", &format!("\"reads\": {reads}"));
        let (rate, latency) = LoadReport::parse(&json, true).unwrap().reads.unwrap();
        assert_eq!((rate, latency.p99), (2.0, 5.0));
    }

    #[test]
    fn output_without_report_is_an_error() {
        let error = LoadReport::parse("panicked", false).unwrap_err();
        assert_eq!(error.to_string(), "the load failed; it printed `panicked`");
    }
}
