//! A durable PostgreSQL server with empty audit logs, one for each measurement.

use crate::harness::environment;
use crate::harness::measure;
use crate::harness::postgres_server::PostgresServer;
use crate::harness::program::{Bench, prepare};
use crate::harness::psql::Database;
use crate::harness::transport::Transport;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// The migrated database that empty logs are copied from.
const TEMPLATE: &str = "bench_empty";

/// A private PostgreSQL server and the program; the server stops when this is dropped.
pub(crate) struct Testbed {
    pub(crate) bench: Bench,
    pub(crate) cluster: PostgresServer,
    transports: Vec<Transport>,
    /// The URL of the default database, over the Unix socket.
    url: String,
}

impl Testbed {
    /// Starts a server that is reachable over these transports, and over the Unix socket.
    pub(crate) fn start(workspace: &Workspace, transports: &[Transport]) -> Result<Self> {
        let bench = prepare(workspace)?;
        let cluster = bench.start(workspace, transports)?;
        let url = cluster.url(Transport::Unix, &bench.database()?)?;
        let transports = Transport::sorted(&[transports, &[Transport::Unix]].concat());
        let testbed = Self { bench, cluster, transports, url };
        testbed.sql(&format!("drop database if exists {TEMPLATE} with (force)"))?;
        testbed.sql(&format!("create database {TEMPLATE}"))?;
        let mut migrate = testbed.bench.auditrail();
        migrate.env("DATABASE_URL", testbed.cluster.url(Transport::Unix, TEMPLATE)?);
        migrate.args(["--quiet", "migrate"]);
        measure::run(migrate)?;
        Ok(testbed)
    }

    /// An empty migrated log, after a checkpoint, so that earlier measurements leave no writes.
    pub(crate) fn empty(&self, name: &'static str) -> Result<ScratchDatabase<'_>> {
        self.sql(&format!("drop database if exists {name} with (force)"))?;
        self.sql(&format!("create database {name} template {TEMPLATE}"))?;
        let url = |transport: &Transport| Ok((*transport, self.cluster.url(*transport, name)?));
        let urls = self.transports.iter().map(url).collect::<Result<_>>()?;
        let empty = ScratchDatabase { testbed: self, name, urls };
        self.sql("checkpoint")?;
        Ok(empty)
    }

    /// The output of a statement in the default database.
    pub(crate) fn sql(&self, sql: &str) -> Result<String> {
        Database { bin: self.bench.bin(), url: &self.url }.sql(sql)
    }

    /// For `Part::settings`; fails if the server is not durable.
    pub(crate) fn settings(&self, tools: &[&str]) -> Result<Vec<(String, String)>> {
        let database = Database { bin: self.bench.bin(), url: &self.url };
        environment::settings(database, tools)
    }
}

/// A database that is dropped with this value.
pub(crate) struct ScratchDatabase<'a> {
    testbed: &'a Testbed,
    name: &'static str,
    urls: Vec<(Transport, String)>,
}

impl ScratchDatabase<'_> {
    /// Its URL over a transport that the testbed was started with.
    pub(crate) fn url(&self, transport: Transport) -> Result<&str> {
        let url = self.urls.iter().find(|(other, _)| *other == transport);
        url.map(|(_, url)| url.as_str()).ok_or_else(|| {
            Error::Refused(format!("the server was not started for {}", transport.name()))
        })
    }

    pub(crate) fn database(&self, transport: Transport) -> Result<Database<'_>> {
        Ok(Database { bin: self.testbed.bench.bin(), url: self.url(transport)? })
    }

    /// The output of a statement.
    pub(crate) fn sql(&self, sql: &str) -> Result<String> {
        self.database(Transport::Unix)?.sql(sql)
    }
}

impl Drop for ScratchDatabase<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.testbed.sql(&format!("drop database {} with (force)", self.name)) {
            eprintln!("cannot drop the database {}: {error}", self.name);
        }
    }
}
