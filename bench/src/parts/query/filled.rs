//! A log with so many records, filled once and kept for the next run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Advice, fadvise, statvfs};

use crate::harness::postgres_server::PostgresServer;
use crate::harness::program::Bench;
use crate::harness::service::Service;
use crate::harness::sql_client::SqlClient;
use crate::harness::transport::Transport;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Fills the table; the indexes are built afterwards, which takes a third of the time.
const FILL: &str = include_str!("fill.sql");
/// Bytes of PostgreSQL's log and of the records that are written into a copy.
const BESIDE_A_COPY: u64 = 3 << 30;
/// In the directory when it is filled to the end.
const DONE: &str = ".done";

/// A private PostgreSQL with a filled log. Stopped when it is dropped.
pub(crate) struct Filled {
    pub(crate) records: u64,
    pub(crate) bench: Bench,
    cluster: PostgresServer,
    /// How the service and psql reach it.
    transport: Transport,
    dir: PathBuf,
    key: String,
}

impl Filled {
    /// Starts its PostgreSQL, and fills the log unless it was filled before.
    pub(crate) fn open(
        workspace: &Workspace,
        bench: &Bench,
        (records, transport): (u64, Transport),
    ) -> Result<Self> {
        let dir = workspace.target().join(format!("bench/query-{records}"));
        fs::create_dir_all(&dir).map_err(Error::doing(format!("make {}", dir.display())))?;
        let (bench, key) = (bench.at(dir.clone()), String::new());
        let cluster = bench.start(workspace, &[transport])?;
        let mut filled = Self { records, bench, cluster, transport, dir, key };
        filled.bench.refuse_undurable()?;
        filled.bench.run(&["migrate"])?;
        filled.fill()?;
        let scopes = ["--scope", "read", "--scope", "export", "--scope", "write"];
        let create = [&["key", "create", "--name", "benchmark"][..], &scopes].concat();
        filled.bench.run(&create)?.trim().clone_into(&mut filled.key);
        Ok(filled)
    }

    fn fill(&self) -> Result<()> {
        let done = self.dir.join(DONE);
        if done.exists() {
            return Ok(());
        }
        // An earlier run may have been killed while the indexes were away.
        let whole = self.bench.run(&["migrate", "verify"]).is_ok();
        let there = self.bench.sql("select count(*) from control_plane.audit_logs")?;
        match (whole, there.trim().parse::<u64>().unwrap_or(0)) {
            (true, 0) if self.records > 0 => self.fill_rows(self.records)?,
            (true, there) if there >= self.records => {}
            _ => {
                let dir = self.dir.display();
                let said = format!("{dir} is half filled; remove it and try again");
                return Err(Error::Refused(said));
            }
        }
        fs::write(&done, "").map_err(Error::doing(format!("write {}", done.display())))
    }

    fn fill_rows(&self, records: u64) -> Result<()> {
        let sql = |sql: &str| self.bench.sql(sql);
        println!("filling {} records, once", grouped(records));
        let indexes = "select indexdef from pg_indexes where schemaname = 'control_plane' \
                       and tablename = 'audit_logs' and indexname like 'idx%'";
        let definitions = sql(indexes)?;
        let drops =
            indexes.replace("select indexdef", "select 'drop index control_plane.' || indexname");
        for statement in sql(&drops)?.lines() {
            sql(statement)?;
        }
        sql(&FILL.replace(":records", &records.to_string()))?;
        println!("building its indexes");
        for definition in definitions.lines() {
            sql(&format!("set maintenance_work_mem = '1GB'; {definition}"))?;
        }
        sql("vacuum analyze control_plane.audit_logs")?;
        sql("checkpoint").map(drop)
    }

    /// The name of one side at this size.
    pub(crate) fn side(&self, who: &str) -> String {
        format!("{who}, {} records", grouped(self.records))
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The URL of the filled log.
    pub(crate) fn url(&self) -> Result<String> {
        self.url_of(&self.bench.database()?)
    }

    /// The URL of another database of its server.
    pub(crate) fn url_of(&self, database: &str) -> Result<String> {
        self.cluster.url(self.transport, database)
    }

    /// The real service, without the limits that protect it from one caller.
    pub(crate) fn serve(&self, url: &str) -> Result<Service> {
        let mut serve: Command = self.bench.auditrail();
        serve.env("DATABASE_URL", url);
        serve.env("AUDITRAIL_QUERY_BUDGET", "none").env("AUDITRAIL_EXPORT_BUDGET", "none");
        Service::start(serve)
    }

    /// A connection for bare SQL.
    pub(crate) fn sql_client(&self) -> Result<SqlClient> {
        SqlClient::connect(&self.url()?)
    }

    /// Restarts PostgreSQL with nothing of its data in memory, neither its own nor the system's.
    pub(crate) fn restart_cold(&self) -> Result<()> {
        self.cluster.stop()?;
        forget(&self.dir.join("pg"))?;
        self.cluster.restart().map(drop)
    }

    /// Refuses when the disk has no room for a copy of it and what is written beside that.
    pub(crate) fn refuse_without_room(&self) -> Result<()> {
        let needed = self.bench.sql("select pg_database_size(current_database())")?;
        let needed = needed.trim().parse::<u64>().unwrap_or(0) + BESIDE_A_COPY;
        let disk =
            statvfs(&self.dir).map_err(|error| Error::doing("measure a disk")(error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= needed {
            Ok(())
        } else {
            Err(Error::Refused(format!(
                "a copy of {} records needs {} MiB of disk, and {} are free below {}",
                grouped(self.records),
                needed >> 20,
                free >> 20,
                self.dir.display()
            )))
        }
    }

    pub(crate) fn remove(self) -> Result<()> {
        self.cluster.stop()?;
        fs::remove_dir_all(&self.dir).map_err(Error::doing("remove a filled log"))
    }
}

/// Asks the system to forget the files below a directory. A stopped server has written all of them,
/// so they can be forgotten whole, and the files of other programs stay as they are.
fn forget(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).map_err(Error::doing(format!("read {}", dir.display())))?;
    for entry in entries {
        let entry = entry.map_err(Error::doing("read a directory"))?;
        let kind = entry.file_type().map_err(Error::doing("read a directory"))?;
        if kind.is_dir() {
            forget(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path());
            let file = file.map_err(Error::doing(format!("open {}", entry.path().display())))?;
            let told = fadvise(&file, 0, None, Advice::DontNeed);
            told.map_err(|error| Error::doing("forget a file")(error.into()))?;
        }
    }
    Ok(())
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1_000, 10_000_000].map(grouped), ["0", "999", "1,000", "10,000,000"]);
    }
}
