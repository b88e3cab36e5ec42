//! A log of a given size, filled once and kept for later runs.

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

/// Fills the table without indexes; building them afterwards takes a third of the time.
const FILL: &str = include_str!("fill.sql");
/// Partitions the empty table.
const PARTITIONS: &str = include_str!("partitions.sql");
/// Space for WAL and for records that are written into a copy, in bytes.
const BESIDE_A_COPY: u64 = 3 << 30;
/// Exists in the directory once it is filled.
const DONE: &str = ".done";

/// A private PostgreSQL with a filled log; stops when dropped.
pub(crate) struct Filled {
    pub(crate) records: u64,
    /// Closed partitions; with none all records are in the default partition, as after an adoption.
    partitions: u16,
    pub(crate) bench: Bench,
    cluster: PostgresServer,
    /// Connection of the service and psql.
    transport: Transport,
    dir: PathBuf,
    key: String,
}

impl Filled {
    /// Starts PostgreSQL, and fills the log unless it is filled.
    pub(crate) fn open(
        workspace: &Workspace,
        bench: &Bench,
        (records, partitions): (u64, u16),
        transport: Transport,
    ) -> Result<Self> {
        let layout = if partitions == 0 { String::new() } else { format!("-{partitions}") };
        let dir = workspace.target().join(format!("bench/query-{records}{layout}"));
        fs::create_dir_all(&dir).map_err(Error::doing(format!("create {}", dir.display())))?;
        let (bench, key) = (bench.at(dir.clone()), String::new());
        let cluster = bench.start(workspace, &[transport])?;
        let mut filled = Self { records, partitions, bench, cluster, transport, dir, key };
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
        // An interrupted run leaves the table without indexes.
        let is_complete = self.bench.run(&["migrate", "verify"]).is_ok();
        let stored = self.bench.sql("select count(*) from control_plane.audit_logs")?;
        match (is_complete, stored.trim().parse::<u64>().unwrap_or(0)) {
            (true, 0) if self.records > 0 => self.fill_rows(self.records)?,
            (true, stored) if stored >= self.records => {}
            _ => {
                let dir = self.dir.display();
                return Err(Error::Refused(format!("{dir} is partly filled; remove it")));
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
        if self.partitions > 0 {
            sql(&PARTITIONS.replace(":partitions", &self.partitions.to_string()))?;
        }
        sql(&FILL.replace(":records", &records.to_string()))?;
        println!("building its indexes");
        for definition in definitions.lines() {
            // The table is partitioned, and its definitions do not include the partitions.
            let definition = definition.replace(" ON ONLY ", " ON ");
            sql(&format!("set maintenance_work_mem = '1GB'; {definition}"))?;
        }
        println!("sequencing its records, and indexing their words");
        self.bench.run(&["--quiet", "sequence", "--once"])?;
        sql("vacuum analyze control_plane.audit_logs")?;
        sql("checkpoint").map(drop)
    }

    /// The name of a side at this size, for `Figure::side`.
    pub(crate) fn side(&self, name: &str) -> String {
        format!("{name}, {} records", grouped(self.records))
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

    /// The service without rate limits.
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

    /// Restarts PostgreSQL with its files dropped from the page cache.
    pub(crate) fn restart_cold(&self) -> Result<()> {
        self.cluster.stop()?;
        drop_from_page_cache(&self.dir.join("pg"))?;
        self.cluster.restart().map(drop)
    }

    /// Fails if the disk has no space for a copy and for [`BESIDE_A_COPY`].
    pub(crate) fn check_disk_space(&self) -> Result<()> {
        let needed = self.bench.sql("select pg_database_size(current_database())")?;
        let needed = needed.trim().parse::<u64>().unwrap_or(0) + BESIDE_A_COPY;
        let disk = statvfs(&self.dir)
            .map_err(|error| Error::doing("read the free space of a disk")(error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= needed {
            Ok(())
        } else {
            Err(Error::Refused(format!(
                "a copy of {} records needs {} MiB, and {} are free in {}",
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

/// Drops the files below a directory from the page cache. The server must be stopped, so that no pages
/// are dirty.
fn drop_from_page_cache(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).map_err(Error::doing(format!("read {}", dir.display())))?;
    for entry in entries {
        let entry = entry.map_err(Error::doing("read a directory"))?;
        let kind = entry.file_type().map_err(Error::doing("read a directory"))?;
        if kind.is_dir() {
            drop_from_page_cache(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path());
            let file = file.map_err(Error::doing(format!("open {}", entry.path().display())))?;
            fadvise(&file, 0, None, Advice::DontNeed)
                .map_err(|error| Error::doing("drop a file from the page cache")(error.into()))?;
        }
    }
    Ok(())
}

/// A number with thousands separators.
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
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1_000, 10_000_000].map(grouped), ["0", "999", "1,000", "10,000,000"]);
    }
}
