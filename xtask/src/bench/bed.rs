//! A durable PostgreSQL for a part, with as many empty logs on it as the part wants.

use super::cluster::Cluster;
use super::environment;
use super::limits::Database;
use super::measure;
use super::program::{Bench, prepare};
use super::transport::Transport;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Migrated once; each empty log is a copy of it.
const TEMPLATE: &str = "bench_empty";

/// A private PostgreSQL and our program, both ready; stopped when it is dropped.
pub(super) struct Bed {
    pub(super) bench: Bench,
    pub(super) cluster: Cluster,
    transports: Vec<Transport>,
    /// Of the database that our program made, by the socket.
    url: String,
}

impl Bed {
    /// A bed whose logs can be reached by these transports, and by the Unix socket.
    pub(super) fn start(workspace: &Workspace, transports: &[Transport]) -> Result<Self> {
        let bench = prepare(workspace)?;
        let cluster = bench.start(workspace, transports)?;
        let url = cluster.url(Transport::Unix, &bench.database()?)?;
        let transports = Transport::sorted(&[transports, &[Transport::Unix]].concat());
        let bed = Self { bench, cluster, transports, url };
        bed.sql(&format!("drop database if exists {TEMPLATE} with (force)"))?;
        bed.sql(&format!("create database {TEMPLATE}"))?;
        let mut migrate = bed.bench.auditrail();
        migrate.env("DATABASE_URL", bed.cluster.url(Transport::Unix, TEMPLATE)?);
        migrate.args(["--quiet", "migrate"]);
        measure::run(migrate)?;
        Ok(bed)
    }

    /// An empty log, migrated, and nothing left to write from what was before.
    pub(super) fn empty(&self, name: &'static str) -> Result<Empty<'_>> {
        self.sql(&format!("drop database if exists {name} with (force)"))?;
        self.sql(&format!("create database {name} template {TEMPLATE}"))?;
        let url = |transport: &Transport| Ok((*transport, self.cluster.url(*transport, name)?));
        let urls = self.transports.iter().map(url).collect::<Result<_>>()?;
        let empty = Empty { bed: self, name, urls };
        self.sql("checkpoint")?;
        Ok(empty)
    }

    /// What a statement gives, in the database that our program made.
    pub(super) fn sql(&self, sql: &str) -> Result<String> {
        Database { bin: self.bench.bin(), url: &self.url }.sql(sql)
    }

    /// For `Part::settings`; refuses a server that is not durable.
    pub(super) fn settings(&self, tools: &[&str]) -> Result<Vec<(String, String)>> {
        let database = Database { bin: self.bench.bin(), url: &self.url };
        environment::settings(database, tools)
    }
}

/// A database of its own; dropped with this value.
pub(super) struct Empty<'a> {
    bed: &'a Bed,
    name: &'static str,
    urls: Vec<(Transport, String)>,
}

impl Empty<'_> {
    /// Its URL for programs that use this transport, which the bed was started with.
    pub(super) fn url(&self, transport: Transport) -> Result<&str> {
        let found = self.urls.iter().find(|(there, _)| *there == transport);
        found.map(|(_, url)| url.as_str()).ok_or_else(|| {
            Error::Refused(format!("the server was not started for {}", transport.name()))
        })
    }

    pub(super) fn database(&self, transport: Transport) -> Result<Database<'_>> {
        Ok(Database { bin: self.bed.bench.bin(), url: self.url(transport)? })
    }

    /// What a statement gives.
    pub(super) fn sql(&self, sql: &str) -> Result<String> {
        self.database(Transport::Unix)?.sql(sql)
    }
}

impl Drop for Empty<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.bed.sql(&format!("drop database {} with (force)", self.name)) {
            eprintln!("the database {} could not be dropped: {error}", self.name);
        }
    }
}
