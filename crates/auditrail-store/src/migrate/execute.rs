//! Runs a step and updates the tracking table.

use std::time::Duration;

use auditrail_core::Backoff;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgTransaction};
use tokio::time::{Instant, sleep};

use super::error::MigrateError;
use super::migration::Mode;
use super::progress::{Event, Progress};
use super::runner::Run;
use super::session::{self, ATTEMPT};
use super::step::{Direction, Step};
use super::tracking::{Origin, Tracking};
use super::{blocker, concurrent};
use crate::sqlstate::is_lock_failure;

/// The pauses between attempts, from 100 ms on. They need no jitter: one runner at a time retries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Runs `step` and updates the tracking table. Returns its duration, or `None` if another runner has done
/// it already.
pub(super) async fn run(
    run: &mut Run<'_>,
    step: Step<'_>,
    progress: Progress<'_>,
) -> Result<Option<Duration>, MigrateError> {
    let started = Instant::now();
    let is_applied = run
        .tracking
        .contains(&mut run.connection, step.migration.version)
        .await
        .map_err(MigrateError::while_trying_to("read the tracking table"))?;
    if is_applied == (step.direction == Direction::Up) {
        return Ok(None);
    }
    progress(Event::Started { migration: step.migration });
    match step.mode {
        Mode::Transaction => in_transaction(run, step, started, progress).await?,
        Mode::Concurrent(index) => {
            concurrent::run(run, step, index, started, progress).await?;
            track(&mut run.connection, &run.tracking, step, started.elapsed(), run.program)
                .await
                .map_err(MigrateError::while_trying_to("update the tracking table"))?;
        }
    }
    let took = started.elapsed();
    progress(Event::Finished { migration: step.migration, took });
    Ok(Some(took))
}

/// Tries the step in short attempts until it gets its locks or the lock timeout of the run expires.
async fn in_transaction(
    run: &mut Run<'_>,
    step: Step<'_>,
    started: Instant,
    progress: Progress<'_>,
) -> Result<(), MigrateError> {
    let mut attempts = 0;
    loop {
        let left = run.lock_timeout.saturating_sub(started.elapsed());
        let Err(error) = attempt(run, step, ATTEMPT.min(left), started).await else {
            return Ok(());
        };
        attempts += 1;
        let MigrateError::StepFailed { cause, .. } = &error else {
            return Err(error);
        };
        if !is_lock_failure(cause) {
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
    }
}

/// One transaction: the script and its row in the tracking table.
async fn attempt(
    run: &mut Run<'_>,
    step: Step<'_>,
    lock_timeout: Duration,
    started: Instant,
) -> Result<(), MigrateError> {
    let mut tx = run
        .connection
        .begin()
        .await
        .map_err(MigrateError::while_trying_to("begin a transaction"))?;
    session::set_for_transaction(&mut tx, lock_timeout)
        .await
        .map_err(MigrateError::while_trying_to("set the lock timeout"))?;
    let before = transaction_id(&mut tx).await?;
    sqlx::raw_sql(AssertSqlSafe(step.sql.to_owned()))
        .execute(&mut *tx)
        .await
        .map_err(|cause| MigrateError::in_file(step.file(), step.sql, cause))?;
    if transaction_id(&mut tx).await? != before {
        return Err(MigrateError::TransactionEnded { file: step.file() });
    }
    track(&mut tx, &run.tracking, step, started.elapsed(), run.program)
        .await
        .map_err(MigrateError::while_trying_to("update the tracking table"))?;
    // Deferred constraints are checked now, so a failed commit is a failure of the script.
    tx.commit().await.map_err(|cause| MigrateError::in_file(step.file(), step.sql, cause))
}

async fn transaction_id(tx: &mut PgTransaction<'_>) -> Result<String, MigrateError> {
    sqlx::query_scalar("select pg_catalog.pg_current_xact_id()::text")
        .fetch_one(&mut **tx)
        .await
        .map_err(MigrateError::while_trying_to("read the id of the transaction"))
}

/// Updates the tracking table after a step.
async fn track(
    db: &mut PgConnection,
    tracking: &Tracking,
    step: Step<'_>,
    took: Duration,
    program: &str,
) -> Result<(), sqlx::Error> {
    match step.direction {
        Direction::Up => tracking.insert(db, step.migration, Origin::Applied, took, program).await,
        Direction::Down => tracking.delete(db, step.migration.version).await,
    }
}
