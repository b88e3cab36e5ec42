//! Open files of the service and its connections to PostgreSQL, before and after.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::service::Service;
use crate::harness::testbed::ScratchDatabase;
use xtask::error::{Error, Result};

/// How long the service may take; longer than its longest timeout for a client.
const TIMEOUT: Duration = Duration::from_secs(90);
const INTERVAL: Duration = Duration::from_millis(250);
/// Files and connections that may be open besides: a probe, a log, an idle connection of a pool.
const SLACK: usize = 16;

/// What was open before the load.
pub(super) struct Observer {
    files: usize,
    connections: usize,
}

/// How the service was afterwards.
pub(super) struct Drained {
    /// How long it took; none if it did not happen in time.
    after: Option<Duration>,
    files: usize,
    connections: usize,
}

impl Drained {
    /// How long it took; the timeout if it did not happen in time.
    pub(super) fn seconds(&self) -> f64 {
        self.after.unwrap_or(TIMEOUT).as_secs_f64()
    }

    pub(super) fn text(&self) -> String {
        let Self { files, connections, .. } = self;
        let open = format!("{files} open files, {connections} connections to PostgreSQL");
        match self.after {
            Some(after) => format!("drained after {:.1} s: {open}", after.as_secs_f64()),
            None => format!("not drained within {} s: {open}", TIMEOUT.as_secs()),
        }
    }
}

impl Observer {
    pub(super) fn start(service: &Service, database: &ScratchDatabase<'_>) -> Result<Self> {
        Ok(Self { files: files(service)?, connections: connections(database)? })
    }

    /// Waits until at most as much is open as before, and [`SLACK`].
    pub(super) fn wait_until_drained(
        &self,
        service: &Service,
        database: &ScratchDatabase<'_>,
    ) -> Result<Drained> {
        let start = Instant::now();
        loop {
            let (files, connections) = (files(service)?, connections(database)?);
            let is_drained = files <= self.files + SLACK && connections <= self.connections + SLACK;
            if is_drained || start.elapsed() > TIMEOUT {
                let after = is_drained.then(|| start.elapsed());
                return Ok(Drained { after, files, connections });
            }
            #[expect(clippy::disallowed_methods, reason = "open files offer no event to wait for")]
            thread::sleep(INTERVAL);
        }
    }
}

fn files(service: &Service) -> Result<usize> {
    let dir = fs::read_dir(format!("/proc/{}/fd", service.id()));
    Ok(dir.map_err(Error::doing("count the open files of the service"))?.count())
}

/// Connections of programs other than this one.
fn connections(database: &ScratchDatabase<'_>) -> Result<usize> {
    let count = database.sql(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid()",
    )?;
    count.trim().parse().map_err(|_| Error::Refused(format!("`{count}` is not a number")))
}
