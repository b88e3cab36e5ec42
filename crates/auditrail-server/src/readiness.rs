//! Whether requests should be sent here.

use auditrail_store::migrate::{MigrateError, Status, StatusProbe};
use auditrail_store::{GroupWriter, PgAuditLog, WriterStats};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::limits::{READY_FRESH, READY_TIMEOUT, WRITER_LAG_MAX};
use crate::shutdown::ShuttingDown;

/// Answers whether requests should be sent here, however often it is asked.
#[derive(Debug)]
pub(crate) struct Readiness {
    shutting_down: ShuttingDown,
    writer: Option<GroupWriter>,
    /// Whoever asks while another does waits for the same answer.
    database: Mutex<Database>,
}

#[derive(Debug)]
struct Database {
    probe: StatusProbe,
    last: Option<(Instant, Result<(), NotReady>)>,
}

/// Why no requests should be sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotReady {
    /// Stable machine name.
    pub(crate) code: &'static str,
    /// What to do about it.
    pub(crate) detail: &'static str,
}

const fn not_ready(code: &'static str, detail: &'static str) -> NotReady {
    NotReady { code, detail }
}

const SHUTTING_DOWN: NotReady = not_ready("shutting_down", "the service is shutting down");
const BUSY: NotReady = not_ready("database_busy", "the database does not respond in time");
const PENDING: NotReady = not_ready("migrations_pending", "run `auditrail migrate`");
const HISTORY: NotReady = not_ready("history_problem", "run `auditrail migrate status`");
const LAG: NotReady = not_ready("writer_lag", "write requests have been queued for too long");

impl Readiness {
    pub(crate) fn new(
        log: &PgAuditLog,
        writer: Option<GroupWriter>,
        shutting_down: ShuttingDown,
    ) -> Self {
        let database = Database { probe: StatusProbe::new(log.pool()), last: None };
        Self { shutting_down, writer, database: Mutex::new(database) }
    }

    /// Takes [`READY_TIMEOUT`] at most. The database is asked again when its last answer is older than
    /// [`READY_FRESH`]; the shutdown and the writer are asked every time, which costs nothing.
    pub(crate) async fn check(&self) -> Result<(), NotReady> {
        if self.shutting_down.has_begun() {
            return Err(SHUTTING_DOWN);
        }
        self.ask_database().await?;
        self.writer.as_ref().map_or(Ok(()), |writer| of_writer(&writer.stats()))
    }

    async fn ask_database(&self) -> Result<(), NotReady> {
        let deadline = Instant::now() + READY_TIMEOUT;
        let Ok(mut database) = timeout_at(deadline, self.database.lock()).await else {
            return Err(BUSY);
        };
        let before = database.last;
        if let Some((asked, answer)) = before
            && asked.elapsed() < READY_FRESH
        {
            return answer;
        }
        let asked = timeout_at(deadline, database.probe.ask()).await;
        let answer = asked.as_ref().map_or(Err(BUSY), of_database);
        database.last = Some((Instant::now(), answer));
        // Once for each change: supervisors ask every few seconds.
        if before.is_none_or(|(_, before)| before != answer) {
            let cause = asked.ok().and_then(Result::err).map(|error| error.to_string());
            log(answer, cause.as_deref());
        }
        answer
    }
}

fn log(answer: Result<(), NotReady>, cause: Option<&str>) {
    match answer {
        Ok(()) => tracing::info!("the database is ready"),
        Err(NotReady { code, detail }) => {
            tracing::warn!(code, detail, cause, "the database is not ready");
        }
    }
}

fn of_database(status: &Result<Status, MigrateError>) -> Result<(), NotReady> {
    let status = status
        .as_ref()
        .map_err(|error| not_ready(error.code(), "the migration history cannot be read"))?;
    match (status.pending(), status.problems.is_empty()) {
        (0, true) => Ok(()),
        (0, false) => Err(HISTORY),
        _ => Err(PENDING),
    }
}

fn of_writer(stats: &WriterStats) -> Result<(), NotReady> {
    if let Some(outage) = &stats.outage {
        return Err(not_ready(outage.code(), "the writer cannot reach the database"));
    }
    match stats.oldest_queued.is_some_and(|waited| waited > WRITER_LAG_MAX) {
        true => Err(LAG),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_may_wait_in_the_queue_up_to_the_limit() {
        let mut stats = WriterStats::default();
        assert_eq!(of_writer(&stats), Ok(()));
        stats.oldest_queued = Some(WRITER_LAG_MAX);
        assert_eq!(of_writer(&stats), Ok(()));
        stats.oldest_queued = Some(WRITER_LAG_MAX + Duration::from_millis(1));
        assert_eq!(of_writer(&stats), Err(LAG));
    }
}
