//! Steps that PostgreSQL does not allow in a transaction: creating and dropping an index concurrently.
//!
//! When such a step is interrupted, it leaves an invalid index. The state of the index in the catalog, not
//! an error message, determines the next action: build the index, drop an invalid one first, wait for a
//! build that continues without its client, or record a valid one as applied. For partitioned tables, see
//! `partitioned_index`.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::{Instant, interval_at, sleep};

use super::blocker;
use super::concurrent_index::ConcurrentIndex;
use super::error::MigrateError;
use super::migration::Migration;
use super::progress::{Event, Progress};
use super::runner::Run;
use super::session;
use super::step::Step;
use crate::identifier::quoted;
use crate::sqlstate::is_lock_failure;

/// How often the progress of a build is queried.
const TICK: Duration = Duration::from_secs(1);
/// How long dropping an invalid index may wait after a failure; the next run retries it.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The state of an index in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Missing,
    Ready,
    /// Invalid, and a session is building it.
    BeingBuilt,
    Invalid,
}

/// Creates or drops an index by the statement `sql`, for `step`.
pub(super) async fn run(
    run: &mut Run<'_>,
    step: Step<'_>,
    index: &ConcurrentIndex,
    sql: &str,
    started: Instant,
    progress: Progress<'_>,
) -> Result<(), MigrateError> {
    let left = run.lock_timeout.saturating_sub(started.elapsed());
    session::set_for_session(&mut run.connection, left)
        .await
        .map_err(MigrateError::while_trying_to("set the lock timeout"))?;
    let (schema, name) = index.name();
    let state = settled_state(run, step, index, started).await?;
    match (index, state) {
        (ConcurrentIndex::Create { .. }, State::Ready) => {
            progress(Event::FoundReady { index: name });
            return Ok(());
        }
        (ConcurrentIndex::Create { .. }, State::Invalid) => {
            drop_index(&mut run.connection, schema, name)
                .await
                .map_err(|cause| MigrateError::in_file(step.file(), sql, cause))?;
            progress(Event::Healed { index: name });
        }
        (ConcurrentIndex::Drop { .. }, State::Missing) => return Ok(()),
        _ => {}
    }
    match execute(run, step, sql, progress).await {
        Ok(()) => Ok(()),
        Err(cause) => Err(failed(run, step, index, sql, started, cause).await),
    }
}

/// The state of the index, after the end of a build in progress.
async fn settled_state(
    run: &mut Run<'_>,
    step: Step<'_>,
    index: &ConcurrentIndex,
    started: Instant,
) -> Result<State, MigrateError> {
    let (schema, name) = index.name();
    loop {
        let state = state(&mut run.connection, schema, name)
            .await
            .map_err(MigrateError::while_trying_to("read the state of the index"))?;
        if state != State::BeingBuilt {
            return Ok(state);
        }
        if started.elapsed() >= run.lock_timeout {
            return Err(busy(run, step, started).await);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Runs the statement while a second connection reports its progress.
async fn execute(
    run: &mut Run<'_>,
    step: Step<'_>,
    sql: &str,
    progress: Progress<'_>,
) -> Result<(), sqlx::Error> {
    let options = run.options;
    let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut run.connection);
    let mut statement = std::pin::pin!(statement);
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    loop {
        tokio::select! {
            result = &mut statement => return result.map(|_| ()),
            _ = ticks.tick() => report(options, step.migration, progress).await,
        }
    }
}

/// Reports the progress of a build. Errors are ignored: the build continues in any case.
async fn report(options: &PgConnectOptions, migration: &Migration, progress: Progress<'_>) {
    // A connection that is closed at once: an open transaction would block the build.
    let Ok(mut db) = session::connect(options).await else {
        return;
    };
    if let Ok(Some((phase, done, total))) = build_progress(&mut db).await {
        progress(Event::Building { migration, phase: &phase, done, total });
    }
}

/// Drops an invalid index after a failure, and returns the error.
async fn failed(
    run: &mut Run<'_>,
    step: Step<'_>,
    index: &ConcurrentIndex,
    sql: &str,
    started: Instant,
    cause: sqlx::Error,
) -> MigrateError {
    let lock_failure = is_lock_failure(&cause);
    let leftover = remove_leftover(run, index).await;
    if lock_failure {
        return busy(run, step, started).await;
    }
    match MigrateError::in_file(step.file(), sql, cause) {
        MigrateError::StepFailed { file, excerpt, cause, .. } => {
            MigrateError::StepFailed { file, excerpt, leftover, cause }
        }
        other => other,
    }
}

/// Drops the invalid index of a failed build. Returns its name if that fails.
async fn remove_leftover(run: &mut Run<'_>, index: &ConcurrentIndex) -> Option<String> {
    let ConcurrentIndex::Create { schema, index: name, .. } = index else {
        return None;
    };
    let db = &mut run.connection;
    match state(db, schema, name).await {
        Ok(State::Missing | State::Ready) => None,
        Ok(State::Invalid | State::BeingBuilt) => {
            let dropped = async {
                session::set_for_session(db, CLEAN_UP_TIMEOUT).await?;
                drop_index(db, schema, name).await
            };
            dropped.await.err().map(|_| format!("{schema}.{name}"))
        }
        Err(_) => Some(format!("{schema}.{name}")),
    }
}

async fn busy(run: &mut Run<'_>, step: Step<'_>, started: Instant) -> MigrateError {
    let waited = started.elapsed();
    let holders = blocker::table_blockers(&mut run.connection, run.tracking.schema()).await;
    MigrateError::TableBusy { file: step.file(), waited, blockers: holders.unwrap_or_default() }
}

/// The state of an index.
pub(super) async fn state(
    db: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<State, sqlx::Error> {
    let row = sqlx::query(
        "select x.indisvalid and x.indisready as ready,
                exists (select from pg_catalog.pg_stat_progress_create_index p
                         where p.datname = current_database()
                           and p.index_relid = x.indexrelid) as being_built
           from pg_catalog.pg_index x
           join pg_catalog.pg_class i on i.oid = x.indexrelid
           join pg_catalog.pg_namespace n on n.oid = i.relnamespace
          where n.nspname = $1 and i.relname = $2",
    )
    .bind(schema)
    .bind(name)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(State::Missing);
    };
    Ok(match (row.try_get("ready")?, row.try_get("being_built")?) {
        (true, _) => State::Ready,
        (false, true) => State::BeingBuilt,
        (false, false) => State::Invalid,
    })
}

async fn drop_index(db: &mut PgConnection, schema: &str, name: &str) -> Result<(), sqlx::Error> {
    let sql = format!("drop index concurrently if exists {}.{}", quoted(schema), quoted(name));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

/// Phase, processed and total number of the index build in this database: of blocks if the phase counts
/// them, else of the sessions it waits for.
async fn build_progress(db: &mut PgConnection) -> Result<Option<(String, i64, i64)>, sqlx::Error> {
    let row = sqlx::query(
        "select phase, case when lockers_total > 0 then lockers_done else blocks_done end as done,
                case when lockers_total > 0 then lockers_total else blocks_total end as total
           from pg_catalog.pg_stat_progress_create_index
          where datname = current_database()
          limit 1",
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((row.try_get("phase")?, row.try_get("done")?, row.try_get("total")?)))
        .transpose()
}
