//! Short attempts at statements that need a lock: while a statement waits for an exclusive lock, all later
//! statements on the table wait behind it.

use std::time::Duration;

use auditrail_core::Backoff;
use sqlx::AssertSqlSafe;
use tokio::time::{Instant, sleep};

use super::error::MigrateError;
use super::progress::{Event, Progress};
use super::runner::Run;
use super::session::{self, ATTEMPT};
use super::step::Step;
use crate::blocker;
use crate::sqlstate::is_lock_failure;

/// The pauses between attempts, from 100 ms on. They need no jitter: one runner at a time retries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Runs one statement of `step`, until it gets its locks or the lock timeout of the run expires.
pub(super) async fn statement(
    run: &mut Run<'_>,
    step: Step<'_>,
    sql: &str,
    started: Instant,
    progress: Progress<'_>,
) -> Result<(), MigrateError> {
    let mut attempts = 0;
    loop {
        let left = run.lock_timeout.saturating_sub(started.elapsed());
        session::set_for_session(&mut run.connection, ATTEMPT.min(left))
            .await
            .map_err(MigrateError::while_trying_to("set the lock timeout"))?;
        let tried = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut run.connection).await;
        let Err(cause) = tried else {
            return Ok(());
        };
        attempts += 1;
        let error = MigrateError::in_file(step.file(), sql, cause);
        pause_after(run, step, error, attempts, started, progress).await?;
    }
}

/// Pauses after an attempt that did not get its locks. Any other error is returned, and so is the end of the lock
/// timeout.
pub(super) async fn pause_after(
    run: &mut Run<'_>,
    step: Step<'_>,
    error: MigrateError,
    attempts: u32,
    started: Instant,
    progress: Progress<'_>,
) -> Result<(), MigrateError> {
    if !matches!(&error, MigrateError::StepFailed { cause, .. } if is_lock_failure(cause)) {
        return Err(error);
    }
    let blockers = blocker::table_blockers(&mut run.connection, run.tracking.schema())
        .await
        .map_err(MigrateError::while_trying_to("identify the sessions that hold locks"))?;
    let waited = started.elapsed();
    if waited >= run.lock_timeout {
        return Err(MigrateError::TableBusy { file: step.file(), waited, blockers });
    }
    progress(Event::Retrying { migration: step.migration, attempts, blockers: &blockers });
    let pause = BACKOFF.pause(attempts, 1.0);
    sleep(pause.min(run.lock_timeout.saturating_sub(waited))).await;
    Ok(())
}
