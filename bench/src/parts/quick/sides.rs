//! The compared sides: the service under a load, and a bare statement.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::harness::load;
use crate::harness::measure::percentile;
use crate::harness::process::Tree;
use crate::harness::psql::Database;
use crate::harness::service::Service;
use crate::harness::testbed::Testbed;
use xtask::error::{Error, Result};
use xtask::sh::Sh;
use xtask::workspace::Workspace;

/// Runs of the bare statement; the first tenth is warm-up.
const TIMES: usize = 300;

/// The SQL for the page that is read from the service.
const STATEMENT: &str = "select id, actor_id, actor_type, action, target_type, target_id, metadata, \
                         ip_address, user_agent, created_at, tenant_id, request_id \
                         from control_plane.audit_logs where tenant_id = 'lumen' \
                         order by created_at desc, id desc limit 100;";

/// The load client.
pub(super) struct Loads {
    program: PathBuf,
}

/// The report of a load.
pub(super) struct Report {
    pub(super) records: f64,
    pub(super) records_per_second: f64,
    /// Milliseconds.
    pub(super) p50: f64,
}

/// The service on a database, with an API key.
pub(super) struct Serving {
    service: Service,
    key: String,
}

impl Serving {
    pub(super) fn start(testbed: &Testbed, log: Database<'_>) -> Result<Self> {
        let mut create = testbed.bench.auditrail();
        create.env("DATABASE_URL", log.url);
        create.args(["key", "create", "--scope", "write", "--scope", "read"]);
        let key = output_of(create)?.trim().to_owned();
        let mut serve = testbed.bench.auditrail();
        serve.env("DATABASE_URL", log.url);
        Ok(Self { service: Service::start(serve)?, key })
    }

    /// Its address and an API key.
    pub(super) fn to(&self) -> (&str, Option<&str>) {
        (&self.service.address, Some(&self.key))
    }

    pub(super) fn tree(&self) -> Tree {
        self.service.tree()
    }

    pub(super) fn stop(self) -> Result<()> {
        self.service.stop()
    }
}

impl Loads {
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        Ok(Self { program: load::build(workspace)? })
    }

    /// Runs a load; fails unless every response is 2xx.
    pub(super) fn run(
        &self,
        (address, key): (&str, Option<&str>),
        load: &[&str],
        seconds: u32,
    ) -> Result<Report> {
        let mut client = Command::new(&self.program);
        client.args(["--to", address, "--seconds", &seconds.to_string()]);
        client.args(load).env_remove("AUDITRAIL_KEY");
        client.envs(key.map(|key| ("AUDITRAIL_KEY", key)));
        let out = output_of(client)?;
        let report: Value = serde_json::from_str(&out)
            .map_err(|error| Error::Refused(format!("the load failed ({error}): {out}")))?;
        let is_clean = report["statuses"].as_object().is_some_and(|statuses| {
            !statuses.is_empty() && statuses.keys().all(|status| status.starts_with('2'))
        });
        if !is_clean {
            return Err(Error::Refused(format!("some requests failed: {out}")));
        }
        let figure = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        Ok(Report {
            records: figure(&report["records"]),
            records_per_second: figure(&report["records_per_second"]),
            p50: figure(&report["latency_ms"]["p50"]),
        })
    }
}

impl Loads {
    /// As [`run`](Self::run), and the processor time of the server for a record, in seconds.
    pub(super) fn timed(
        &self,
        server: Tree,
        to: (&str, Option<&str>),
        load: &[&str],
        seconds: u32,
    ) -> Result<(Report, Option<f64>)> {
        let before = server.cpu_seconds();
        let report = self.run(to, load, seconds)?;
        let spent = server.cpu_seconds().zip(before).map(|(after, before)| after - before);
        let each = spent.map(|seconds| seconds / report.records);
        Ok((report, each))
    }
}

/// The median latency of the bare statement in milliseconds, by psql.
pub(super) fn bare_page(database: Database<'_>) -> Result<f64> {
    let script = format!("\\timing on\n{}", format!("{STATEMENT}\n").repeat(TIMES));
    let file = tempfile::NamedTempFile::new().map_err(Error::doing("make a script"))?;
    std::fs::write(file.path(), script).map_err(Error::doing("write a script"))?;
    let psql = Sh::new(database.bin.join("psql")).args(["-X", "-q", "-At", "-d", database.url]);
    let out = psql.arg("-f").arg(file.path()).read()?;
    let mut millis: Vec<f64> = out.lines().filter_map(timing).skip(TIMES / 10).collect();
    millis.sort_by(f64::total_cmp);
    if millis.is_empty() {
        Err(Error::Refused("psql printed no times".to_owned()))
    } else {
        Ok(percentile(&millis, 50.0))
    }
}

/// `Time: 1.234 ms`.
fn timing(line: &str) -> Option<f64> {
    line.strip_prefix("Time: ")?.split(' ').next()?.parse().ok()
}

/// The standard output of a command; fails unless it exits with success.
fn output_of(mut command: Command) -> Result<String> {
    let line = format!("{:?}", command.get_program());
    let output =
        command.output().map_err(|source| Error::NotStarted { line: line.clone(), source })?;
    if !output.status.success() {
        let (out, err) = (output.stdout, output.stderr);
        eprintln!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
        return Err(Error::Failed { line, status: output.status });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_parsed_from_psql_output() {
        assert_eq!(timing("Time: 1.234 ms"), Some(1.234));
        assert_eq!(timing("Time: 1234.500 ms (00:01.234)"), Some(1_234.5));
        assert_eq!(timing("0199|user-1"), None);
    }
}
