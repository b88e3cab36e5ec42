//! One INSERT a transaction, by `pgbench`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Payloads;
use crate::harness::measure::percentile;
use crate::harness::psql::Database;
use xtask::error::{Error, Result};
use xtask::sh::Sh;

/// For the notes, if there is no pgbench.
pub(crate) const NO_PGBENCH: &str = "pgbench is not installed with this PostgreSQL, so single-row INSERT was not measured; \
     Debian's package `postgresql` has it.";

/// pgbench accepts at most 128 scripts, and each payload is one.
pub(crate) const PAYLOADS: usize = 120;

/// Concurrency and duration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: u16,
    /// Not measured; statements are prepared in it.
    pub(crate) warm_up_seconds: u32,
    pub(crate) seconds: u32,
}

/// The result, from the log of every transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Inserts {
    /// In the measured time.
    pub(crate) rows: f64,
    pub(crate) per_second: f64,
    /// Milliseconds from sending an INSERT to its commit.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// Writes random payloads, one a transaction, by prepared statements with parameters; none without
/// pgbench.
///
/// Statements are planned once (`force_generic_plan`); pgbench has two threads, for one connection one.
/// Its scripts and logs go to a directory below `scratch`.
pub(crate) fn insert(
    database: Database<'_>,
    payloads: &Payloads,
    load: Load,
    scratch: &Path,
) -> Result<Option<Inserts>> {
    let program = database.bin.join("pgbench");
    if !program.exists() {
        return Ok(None);
    }
    let dir = tempfile::tempdir_in(scratch).map_err(Error::doing("make a directory"))?;
    let threads = load.connections.min(2);
    let mut pgbench = Sh::new(program)
        .env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan")
        .args(["--no-vacuum", "--protocol=prepared", "--log"])
        .arg(format!("--client={}", load.connections))
        .arg(format!("--jobs={threads}"))
        .arg(format!("--time={}", load.warm_up_seconds + load.seconds))
        .arg(format!("--log-prefix={}", dir.path().join("log").display()));
    for (number, record) in payloads.records.iter().take(PAYLOADS).enumerate() {
        let file = dir.path().join(format!("{number}.sql"));
        let (statement, variables) = script(number, record);
        fs::write(&file, statement).map_err(Error::doing("write a script for pgbench"))?;
        pgbench = pgbench.args(variables).arg(format!("--file={}", file.display()));
    }
    pgbench.arg(database.url).quietly()?;
    let log = transactions(dir.path())?;
    let counted = counted(&log, f64::from(load.warm_up_seconds), f64::from(load.seconds));
    counted
        .map(Some)
        .ok_or_else(|| Error::Refused("pgbench completed no transaction in time".to_owned()))
}

/// The statement for a record, and the options for its variables, which pgbench sends as parameters.
fn script(number: usize, record: &serde_json::Map<String, Value>) -> (String, Vec<String>) {
    let columns: Vec<_> = record.keys().map(String::as_str).collect();
    let names: Vec<_> = columns.iter().map(|column| format!("r{number}_{column}")).collect();
    let mut statement = String::new();
    // Writing to text cannot fail.
    let _written = write!(
        statement,
        "insert into control_plane.audit_logs ({}) values (:{});",
        columns.join(", "),
        names.join(", :")
    );
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let value = |(name, value): (&String, &Value)| format!("--define={name}={}", text(value));
    (statement, names.iter().zip(record.values()).map(value).collect())
}

/// The duration of each transaction in microseconds, and its end in seconds.
fn transactions(dir: &Path) -> Result<Vec<(f64, f64)>> {
    let entries = dir.read_dir().map_err(Error::doing("read the logs of pgbench"))?;
    let is_log = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name != "log") && {
            path.to_string_lossy().contains("/log.")
        }
    };
    let mut all = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()).filter(is_log) {
        let log = fs::read_to_string(&path).map_err(Error::doing("read a log of pgbench"))?;
        all.extend(log.lines().filter_map(transaction));
    }
    Ok(all)
}

/// A line has client, number, microseconds, script, and the end in seconds and microseconds.
fn transaction(line: &str) -> Option<(f64, f64)> {
    let fields: Vec<f64> = line.split(' ').map_while(|field| field.parse().ok()).collect();
    match fields[..] {
        [_, _, micros, _, seconds, rest, ..] => Some((micros, seconds + rest / 1e6)),
        _ => None,
    }
}

/// The transactions that ended within `seconds` after the warm-up; none if there are none.
fn counted(log: &[(f64, f64)], warm_up: f64, seconds: f64) -> Option<Inserts> {
    let start = log.iter().map(|(micros, end)| end - micros / 1e6).reduce(f64::min)? + warm_up;
    let inside = |(_, end): &&(f64, f64)| *end > start && *end <= start + seconds;
    let mut millis: Vec<f64> = log.iter().filter(inside).map(|(micros, _)| micros / 1e3).collect();
    millis.sort_by(f64::total_cmp);
    let max = *millis.last()?;
    #[expect(clippy::cast_precision_loss, reason = "rows of some seconds are far below 2^52")]
    let rows = millis.len() as f64;
    let (p50, p99) = (percentile(&millis, 50.0), percentile(&millis, 99.0));
    Some(Inserts { rows, per_second: rows / seconds, p50, p99, max })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_becomes_a_statement_with_parameters() {
        let record = json!({"actor_id": "it's", "metadata": {"a": [1]}});
        let (statement, variables) = script(3, record.as_object().unwrap());
        assert_eq!(
            statement,
            "insert into control_plane.audit_logs (actor_id, metadata) \
             values (:r3_actor_id, :r3_metadata);"
        );
        assert_eq!(variables, ["--define=r3_actor_id=it's", r#"--define=r3_metadata={"a":[1]}"#]);
    }

    #[test]
    fn without_pgbench_nothing_is_measured_and_nothing_fails() {
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records.ndjson");
        fs::write(&records, "{\"actor_id\":\"u1\"}\n").unwrap();
        let payloads = Payloads::read(&records, PAYLOADS).unwrap();
        let load = Load { connections: 1, warm_up_seconds: 0, seconds: 1 };
        let database = Database { bin: dir.path(), url: "postgres://nowhere" };
        assert_eq!(insert(database, &payloads, load, dir.path()).unwrap(), None);
    }

    #[test]
    fn the_warm_up_and_what_came_too_late_are_not_counted() {
        // One each 0.1 s, of 100 ms, from second 1000 on.
        let log: Vec<_> = (1..=100).map(|n| (1e5, 1_000.0 + f64::from(n) / 10.0)).collect();
        let counted = counted(&log, 2.0, 4.0).unwrap();
        assert!((counted.per_second - 10.0).abs() < 0.3, "{counted:?}");
        assert_eq!((counted.p50, counted.p99, counted.max), (100.0, 100.0, 100.0));
        assert_eq!(super::counted(&log, 20.0, 4.0), None);
    }

    #[test]
    fn a_line_of_the_log_is_read() {
        let (micros, end) = transaction("3 17 2541 0 1795432100 250000").unwrap();
        assert_eq!((micros, end), (2_541.0, 1_795_432_100.25));
        assert_eq!(transaction("3 17 failed 0 1795432100 250000"), None);
    }
}
