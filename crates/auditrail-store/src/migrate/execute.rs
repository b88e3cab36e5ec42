//! Runs a step and updates the tracking table.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection, PgTransaction};
use tokio::time::Instant;

use super::error::MigrateError;
use super::migration::Mode;
use super::progress::{Event, Progress};
use super::runner::Run;
use super::session::{self, ATTEMPT};
use super::step::{Direction, Step};
use super::tracking::{Origin, Tracking};
use super::{attempts, concurrent, partition_script, partition_triggers, partitioned_index};
use crate::sqlstate::sqlstate;

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
            if partitioned_index::is_partitioned(run, index).await? {
                partitioned_index::run(run, step, index, started, progress).await?;
            } else {
                concurrent::run(run, step, index, step.sql, started, progress).await?;
            }
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
    let (mut attempts, mut releases_triggers) = (0, false);
    loop {
        let left = run.lock_timeout.saturating_sub(started.elapsed());
        let tried = attempt(run, step, releases_triggers, ATTEMPT.min(left), started).await;
        let Err(error) = tried else {
            return Ok(());
        };
        if !releases_triggers && step.direction == Direction::Down && has_dependents(&error) {
            releases_triggers = true;
            continue;
        }
        attempts += 1;
        attempts::pause_after(run, step, error, attempts, started, progress).await?;
    }
}

/// Whether a script failed because it drops something that other objects need.
fn has_dependents(error: &MigrateError) -> bool {
    matches!(error, MigrateError::StepFailed { cause, .. } if sqlstate(cause) == Some("2BP01"))
}

/// One transaction: the script and its row in the tracking table.
///
/// With `releases_triggers`, partitions have no triggers for each statement while the script runs, and those of
/// their table afterwards: a script that drops the function of a trigger knows the table alone.
async fn attempt(
    run: &mut Run<'_>,
    step: Step<'_>,
    releases_triggers: bool,
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
    let schema = run.tracking.schema();
    let in_script = |cause| MigrateError::in_file(step.file(), step.sql, cause);
    if releases_triggers {
        partition_triggers::drop_all(&mut tx, schema).await.map_err(in_script)?;
    }
    let sql = partition_script::adapted(&mut tx, schema, step.sql).await.map_err(in_script)?;
    sqlx::raw_sql(AssertSqlSafe(sql.into_owned())).execute(&mut *tx).await.map_err(in_script)?;
    if releases_triggers {
        partition_triggers::restore(&mut tx, schema).await.map_err(in_script)?;
    }
    if transaction_id(&mut tx).await? != before {
        return Err(MigrateError::TransactionEnded { file: step.file() });
    }
    track(&mut tx, &run.tracking, step, started.elapsed(), run.program)
        .await
        .map_err(MigrateError::while_trying_to("update the tracking table"))?;
    // Deferred constraints are checked now, so a failed commit is a failure of the script.
    tx.commit().await.map_err(in_script)
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
