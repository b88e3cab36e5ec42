//! Readiness: whether load balancers should send requests to this instance.

use auditrail_store::migrate::{MigrateError, Status, StatusProbe};
use auditrail_store::{GroupWriter, PgAuditLog, WriterStats};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::limits::{READY_FRESH, READY_TIMEOUT, WRITER_LAG_MAX};
use crate::shutdown::ShuttingDown;

/// Checks readiness. The database is queried at a bounded rate, however often `check` is called.
#[derive(Debug)]
pub(crate) struct Readiness {
    shutting_down: ShuttingDown,
    writer: Option<GroupWriter>,
    /// Concurrent checks wait for the one in flight and share its result.
    database: Mutex<DatabaseCheck>,
}

#[derive(Debug)]
struct DatabaseCheck {
    probe: StatusProbe,
    last: Option<(Instant, Result<(), NotReady>)>,
}

/// Why the service is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotReady {
    /// Stable machine-readable code.
    pub(crate) code: &'static str,
    /// Human-readable explanation or remedy.
    pub(crate) detail: &'static str,
}

const fn not_ready(code: &'static str, detail: &'static str) -> NotReady {
    NotReady { code, detail }
}

const SHUTTING_DOWN: NotReady = not_ready("shutting_down", "the service is shutting down");
const BUSY: NotReady = not_ready("database_busy", "the database does not respond in time");
const PENDING: NotReady = not_ready("migrations_pending", "run `auditrail migrate`");
const HISTORY: NotReady = not_ready("history_problem", "run `auditrail migrate status`");
const PRIVILEGES: NotReady = not_ready(
    "permission_denied",
    "the database role of the service lacks privileges, which the log lists; run the output of \
     `auditrail migrate grants`",
);
const LAG: NotReady = not_ready("writer_lag", "write requests have been queued for too long");

impl Readiness {
    pub(crate) fn new(
        log: &PgAuditLog,
        writer: Option<GroupWriter>,
        shutting_down: ShuttingDown,
    ) -> Self {
        let database = DatabaseCheck { probe: StatusProbe::new(log.pool()), last: None };
        Self { shutting_down, writer, database: Mutex::new(database) }
    }

    /// Takes at most [`READY_TIMEOUT`]. A database result is reused for [`READY_FRESH`]; the shutdown state
    /// and the writer are checked every time, which is cheap.
    pub(crate) async fn check(&self) -> Result<(), NotReady> {
        if self.shutting_down.has_begun() {
            return Err(SHUTTING_DOWN);
        }
        self.check_database().await?;
        self.writer.as_ref().map_or(Ok(()), |writer| check_writer(&writer.stats()))
    }

    async fn check_database(&self) -> Result<(), NotReady> {
        let deadline = Instant::now() + READY_TIMEOUT;
        let Ok(mut database) = timeout_at(deadline, self.database.lock()).await else {
            return Err(BUSY);
        };
        let previous = database.last;
        if let Some((checked_at, outcome)) = previous
            && checked_at.elapsed() < READY_FRESH
        {
            return outcome;
        }
        let checked = timeout_at(deadline, query(&mut database.probe)).await;
        let (outcome, cause) = checked.unwrap_or((Err(BUSY), None));
        database.last = Some((Instant::now(), outcome));
        // Log changes only: supervisors probe every few seconds.
        if previous.is_none_or(|(_, previous)| previous != outcome) {
            log(outcome, cause.as_deref());
        }
        outcome
    }
}

/// Whether the database is ready, and the cause for the log if it is not.
async fn query(probe: &mut StatusProbe) -> (Result<(), NotReady>, Option<String>) {
    let status = probe.ask().await;
    if let Err(not_ready) = check_migrations(&status) {
        return (Err(not_ready), status.err().map(|error| error.to_string()));
    }
    match probe.missing_privileges().await {
        Ok(missing) if missing.is_empty() => (Ok(()), None),
        Ok(missing) => (Err(PRIVILEGES), Some(format!("missing: {}", missing.join("; ")))),
        Err(error) => {
            let detail = "the privileges of the database role cannot be read";
            (Err(not_ready(error.code(), detail)), Some(error.to_string()))
        }
    }
}

fn log(outcome: Result<(), NotReady>, cause: Option<&str>) {
    match outcome {
        Ok(()) => tracing::info!("the database is ready"),
        Err(NotReady { code, detail }) => {
            tracing::warn!(code, detail, cause, "the database is not ready");
        }
    }
}

fn check_migrations(status: &Result<Status, MigrateError>) -> Result<(), NotReady> {
    let status = status
        .as_ref()
        .map_err(|error| not_ready(error.code(), "the migration history cannot be read"))?;
    match (status.pending(), status.problems.is_empty()) {
        (0, true) => Ok(()),
        (0, false) => Err(HISTORY),
        _ => Err(PENDING),
    }
}

fn check_writer(stats: &WriterStats) -> Result<(), NotReady> {
    if let Some(outage) = &stats.outage {
        return Err(not_ready(outage.code(), "the writer cannot reach the database"));
    }
    if stats.oldest_queued.is_some_and(|age| age > WRITER_LAG_MAX) {
        return Err(LAG);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn writer_lag_is_tolerated_up_to_the_limit() {
        let mut stats = WriterStats::default();
        assert_eq!(check_writer(&stats), Ok(()));
        stats.oldest_queued = Some(WRITER_LAG_MAX);
        assert_eq!(check_writer(&stats), Ok(()));
        stats.oldest_queued = Some(WRITER_LAG_MAX + Duration::from_millis(1));
        assert_eq!(check_writer(&stats), Err(LAG));
    }
}
