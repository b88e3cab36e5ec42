//! `cargo xtask bench limits`: the maximum rates of the machine and PostgreSQL, by the tools of PostgreSQL.
//!
//! As the limits that others are compared with, they get every advantage: prepared statements, and files
//! in PostgreSQL's binary format. They use the connection of `--database` like the others.

mod command;
mod copy;
mod pgbench;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};

use xtask::error::{Error, Result};

pub(crate) use command::{Args, SIDE, files, run};
pub(crate) use copy::{CopyFiles, copy};
pub(crate) use pgbench::{Load, NO_PGBENCH, PAYLOADS, insert};

/// Records without id and time, so that they can be written repeatedly.
#[derive(Debug)]
pub(crate) struct Payloads {
    records: Vec<Map<String, Value>>,
}

impl Payloads {
    /// Up to `most` records, spread evenly over an NDJSON file.
    pub(crate) fn read(file: &Path, most: usize) -> Result<Self> {
        let reading = || Error::doing(format!("read {}", file.display()));
        let lines = BufReader::new(File::open(file).map_err(reading())?).lines();
        let lines: Vec<String> = lines.collect::<std::io::Result<_>>().map_err(reading())?;
        let step = lines.len().div_ceil(most.max(1)).max(1);
        let records: Vec<_> =
            lines.iter().step_by(step).map(|line| record(line)).collect::<Result<_>>()?;
        if records.is_empty() {
            Err(Error::Refused(format!("{} contains no records", file.display())))
        } else {
            Ok(Self { records })
        }
    }
}

fn record(line: &str) -> Result<Map<String, Value>> {
    let mut fields: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| Error::Refused(format!("not a record ({error}): {line}")))?;
    fields.retain(|name, value| name != "id" && name != "created_at" && !value.is_null());
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_spread_over_the_file_without_ids() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("records.ndjson");
        let line =
            |n: usize| format!("{{\"id\":\"x\",\"actor_id\":\"u{n}\",\"tenant_id\":null}}\n");
        std::fs::write(&file, (0..100).map(line).collect::<String>()).unwrap();
        let payloads = Payloads::read(&file, 10).unwrap();
        let actors: Vec<_> = payloads.records.iter().map(|r| r["actor_id"].clone()).collect();
        assert_eq!(actors.len(), 10);
        assert_eq!((&actors[0], &actors[9]), (&"u0".into(), &"u90".into()));
        assert!(payloads.records.iter().all(|record| record.len() == 1));
        assert_eq!(Payloads::read(&file, 1_000).unwrap().records.len(), 100);
    }
}
