//! Short attempts to get a table lock.

use std::time::Duration;

use auditrail_core::Backoff;
use sqlx::{Connection, Executor as _, PgConnection, PgTransaction};
use tokio::time::{Instant, sleep};

use super::error::PartitionError;
use super::progress::{Event, Progress};
use super::{LOCK_ATTEMPT, name};
use crate::blocker::table_blockers;
use crate::owner_session::set_for_transaction;

/// The pauses between attempts. They need no jitter: one process at a time maintains the partitions.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// A process that stops between two statements, or whose host does, must not keep writers waiting.
const IDLE_TIMEOUT: &str = "set local idle_in_transaction_session_timeout = '5s'";

/// Attempts of one step.
pub(super) struct Attempts {
    doing: &'static str,
    started: Instant,
    timeout: Duration,
    count: u32,
}

impl Attempts {
    /// No attempt yet; the step fails when `timeout` has passed without a lock.
    pub(super) fn new(doing: &'static str, timeout: Duration) -> Self {
        Self { doing, started: Instant::now(), timeout, count: 0 }
    }

    /// For `map_err`, with the name of the step.
    pub(super) fn failed(&self) -> impl FnOnce(sqlx::Error) -> PartitionError + use<> {
        PartitionError::while_trying_to(self.doing)
    }

    /// A transaction in which a lock is waited for no longer than [`LOCK_ATTEMPT`]: while it waits for an
    /// exclusive lock, all later statements on the table wait behind it.
    pub(super) async fn begin<'c>(
        &self,
        db: &'c mut PgConnection,
    ) -> Result<PgTransaction<'c>, PartitionError> {
        let mut tx = db.begin().await.map_err(self.failed())?;
        set_for_transaction(&mut tx, LOCK_ATTEMPT).await.map_err(self.failed())?;
        tx.execute(IDLE_TIMEOUT).await.map_err(self.failed())?;
        Ok(tx)
    }

    /// Waits before the next attempt, after one that failed with `error`.
    ///
    /// # Errors
    /// `error`, if it is no lock failure, and [`PartitionError::Busy`] when the time is over.
    pub(super) async fn pause(
        &mut self,
        db: &mut PgConnection,
        error: PartitionError,
        progress: Progress<'_>,
    ) -> Result<(), PartitionError> {
        if !error.is_lock_failure() {
            return Err(error);
        }
        self.count += 1;
        let blockers = table_blockers(db, name::SCHEMA)
            .await
            .map_err(PartitionError::while_trying_to("identify the sessions that hold locks"))?;
        let waited = self.started.elapsed();
        if waited >= self.timeout {
            return Err(PartitionError::Busy { doing: self.doing, waited, blockers });
        }
        progress(Event::Retrying { doing: self.doing, attempts: self.count, blockers: &blockers });
        sleep(BACKOFF.pause(self.count, 1.0).min(self.timeout.saturating_sub(waited))).await;
        Ok(())
    }
}
