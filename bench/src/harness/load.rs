//! The load client, and what it says.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use xtask::workspace::Workspace;

use crate::harness::build;
use crate::harness::peers::{Route, Server};
use xtask::error::{Error, Result};

/// Builds the load client, and says where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    build::bench(workspace, "bench-load")
}

/// What is sent to a server.
#[derive(Debug)]
pub(crate) struct Load {
    command: Command,
}

impl Load {
    /// `connections` send to `route` for so many seconds.
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
        // One that is set for something else is not sent to anybody.
        command.env_remove("AUDITRAIL_KEY");
        if let Some(key) = &server.key {
            command.env("AUDITRAIL_KEY", key);
        }
        Self { command }
    }

    /// With one more option and its value.
    pub(crate) fn with(mut self, option: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(option).arg(value);
        self
    }

    /// Runs it to its end; every request must have been answered well.
    pub(crate) fn run(self) -> Result<Answered> {
        let answered = self.start()?.wait()?;
        if answered.is_clean {
            Ok(answered)
        } else {
            Err(Error::Refused(format!("not all went well: {}", answered.told)))
        }
    }

    pub(crate) fn start(mut self) -> Result<Loading> {
        let line = format!("{:?}", self.command);
        let piped = self.command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = piped.spawn().map_err(|source| Error::NotStarted { line, source })?;
        Ok(Loading { child: Some(child) })
    }
}

/// A load that runs; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Loading {
    child: Option<Child>,
}

impl Loading {
    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Result<Answered> {
        let gone = || Error::Refused("the load has been waited for".to_owned());
        let child = self.child.take().ok_or_else(gone)?;
        let output = child.wait_with_output().map_err(Error::doing("wait for the load"))?;
        let told = String::from_utf8_lossy(&output.stdout);
        Answered::read(told.trim(), output.status.success())
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

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    /// That were acknowledged.
    pub(crate) records: f64,
    pub(crate) per_second: f64,
    /// Of the requests that wrote.
    pub(crate) latency: Latency,
    /// Of those that read in between, and how many a second.
    pub(crate) reads: Option<(f64, Latency)>,
    /// Whether every request was answered with 2xx.
    pub(crate) is_clean: bool,
    told: String,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Answered {
    fn read(told: &str, is_clean: bool) -> Result<Self> {
        let value: Value = serde_json::from_str(told).unwrap_or_default();
        let found = || {
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
                told: told.to_owned(),
            })
        };
        found().ok_or_else(|| Error::Refused(format!("the load broke off; it said `{told}`")))
    }
}

fn latency(of: &Value) -> Option<Latency> {
    let at = |name| of["latency_ms"][name].as_f64();
    Some(Latency { p50: at("p50")?, p99: at("p99")?, max: at("max")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"records": 10, "records_per_second": 5.0,
        "latency_ms": {"p50": 1.0, "p90": 1.5, "p99": 2.0, "max": 3.0}, "reads": null}"#;

    #[test]
    fn what_the_load_says_is_read() {
        let answered = Answered::read(TOLD, true).unwrap();
        assert_eq!((answered.records, answered.per_second), (10.0, 5.0));
        assert_eq!(answered.latency, Latency { p50: 1.0, p99: 2.0, max: 3.0 });
        assert_eq!(answered.reads, None);
    }

    #[test]
    fn reads_in_between_are_apart() {
        let reads = r#"{"requests": 4, "requests_per_second": 2.0,
                        "latency_ms": {"p50": 4.0, "p99": 5.0, "max": 6.0}}"#;
        let told = TOLD.replace("\"reads\": null", &format!("\"reads\": {reads}"));
        let (rate, latency) = Answered::read(&told, true).unwrap().reads.unwrap();
        assert_eq!((rate, latency.p99), (2.0, 5.0));
    }

    #[test]
    fn a_load_that_broke_off_is_no_measurement() {
        let error = Answered::read("panicked", false).unwrap_err();
        assert_eq!(error.to_string(), "the load broke off; it said `panicked`");
    }
}
