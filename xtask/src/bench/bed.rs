//! A durable PostgreSQL for a part, with as many empty logs on it as the part wants.

use std::path::PathBuf;

use super::environment;
use super::import::{Bench, prepare};
use super::limits::Database;
use super::measure;
use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;

/// Migrated once; each empty log is a copy of it.
const TEMPLATE: &str = "bench_empty";

/// A private PostgreSQL and our program, both ready; stopped when it is dropped.
pub(super) struct Bed {
    pub(super) bench: Bench,
    url: String,
}

impl Bed {
    pub(super) fn start(workspace: &Workspace) -> Result<Self> {
        let bench = prepare(workspace)?;
        println!("starting a durable private PostgreSQL under {}", bench.dir.display());
        bench.ask(&["db", "start"])?;
        // From here on it is stopped whatever happens.
        let mut bed = Self { bench, url: String::new() };
        bed.url = bed.bench.ask(&["db", "url"])?.trim().to_owned();
        bed.sql(&format!("drop database if exists {TEMPLATE} with (force)"))?;
        bed.sql(&format!("create database {TEMPLATE}"))?;
        let mut migrate = bed.bench.auditrail();
        migrate.env("DATABASE_URL", bed.url_of(TEMPLATE)?).args(["--quiet", "migrate"]);
        measure::run(migrate)?;
        Ok(bed)
    }

    /// An empty log, migrated, and nothing left to write from what was before.
    pub(super) fn empty(&self, name: &'static str) -> Result<Empty<'_>> {
        self.sql(&format!("drop database if exists {name} with (force)"))?;
        self.sql(&format!("create database {name} template {TEMPLATE}"))?;
        let empty = Empty { bed: self, name, url: self.url_of(name)? };
        self.sql("checkpoint")?;
        Ok(empty)
    }

    /// What a statement gives, in the database that our program made.
    pub(super) fn sql(&self, sql: &str) -> Result<String> {
        psql(self.bench.bin().join("psql"), &self.url, sql)
    }

    /// The first process of PostgreSQL, while it runs.
    pub(super) fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.bench.dir.join("data/pg/postmaster.pid"));
        file.ok()?.lines().next()?.trim().parse().ok()
    }

    /// Starts PostgreSQL again after it was killed.
    pub(super) fn start_again(&self) -> Result<()> {
        self.bench.ask(&["db", "start"]).map(drop)
    }

    /// For `Part::settings`; refuses a server that is not durable.
    pub(super) fn settings(&self, tools: &[&str]) -> Result<Vec<(String, String)>> {
        let database = Database { bin: self.bench.bin(), url: &self.url };
        environment::settings(database, tools)
    }

    fn url_of(&self, name: &str) -> Result<String> {
        let (server, _) = self.url.rsplit_once('/').ok_or_else(|| {
            Error::Refused(format!("`{}` is not the address of a database", self.url))
        })?;
        Ok(format!("{server}/{name}"))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Err(error) = self.bench.ask(&["db", "stop"]) {
            eprintln!("the private PostgreSQL could not be stopped: {error}");
        }
    }
}

/// A database of its own; dropped with this value.
pub(super) struct Empty<'a> {
    bed: &'a Bed,
    name: &'static str,
    pub(super) url: String,
}

impl Empty<'_> {
    pub(super) fn database(&self) -> Database<'_> {
        Database { bin: self.bed.bench.bin(), url: &self.url }
    }

    /// What a statement gives.
    pub(super) fn sql(&self, sql: &str) -> Result<String> {
        psql(self.bed.bench.bin().join("psql"), &self.url, sql)
    }
}

impl Drop for Empty<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.bed.sql(&format!("drop database {} with (force)", self.name)) {
            eprintln!("the database {} could not be dropped: {error}", self.name);
        }
    }
}

fn psql(program: PathBuf, url: &str, sql: &str) -> Result<String> {
    let plain = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", "-d", url, "-c", sql];
    Ok(Sh::new(program).args(plain).read()?.trim().to_owned())
}
