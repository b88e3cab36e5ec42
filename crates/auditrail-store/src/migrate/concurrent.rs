//! The steps PostgreSQL refuses inside a transaction: building and dropping an index concurrently.
//!
//! Such a step can be cut off half-way and leaves an invalid index. The state of the index in the
//! catalogue, not an error message, decides what to do: build it, remove a leftover first, wait for
//! a build that goes on without its client, or just note what is ready.

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
use crate::sqlstate::is_lock_failure;

/// How often the progress of a build is asked for.
const TICK: Duration = Duration::from_secs(1);
/// How long the removal of a leftover may wait after a failure; the next run tries again.
const CLEAN_UP: Duration = Duration::from_secs(2);

/// What the catalogue says of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Missing,
    Ready,
    /// Invalid, and a session is at work on it.
    BeingBuilt,
    Invalid,
}

/// Brings the index to where `step` wants it.
pub(super) async fn run(
    run: &mut Run<'_>,
    step: Step<'_>,
    index: &ConcurrentIndex,
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
                .map_err(|cause| MigrateError::in_file(step.file(), step.sql, cause))?;
            progress(Event::Healed { index: name });
        }
        (ConcurrentIndex::Drop { .. }, State::Missing) => return Ok(()),
        _ => {}
    }
    match execute(run, step, progress).await {
        Ok(()) => Ok(()),
        Err(cause) => Err(failed(run, step, index, started, cause).await),
    }
}

/// The state of the index once nobody is building it any more.
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

/// Runs the statement while a second connection asks how far it is.
async fn execute(
    run: &mut Run<'_>,
    step: Step<'_>,
    progress: Progress<'_>,
) -> Result<(), sqlx::Error> {
    let options = run.options;
    let statement = sqlx::raw_sql(AssertSqlSafe(step.sql.to_owned())).execute(&mut run.connection);
    let mut statement = std::pin::pin!(statement);
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    loop {
        tokio::select! {
            result = &mut statement => return result.map(|_| ()),
            _ = ticks.tick() => report(options, step.migration, progress).await,
        }
    }
}

/// Tells how far the build is. Silence is no reason to fail: the build goes on either way.
async fn report(options: &PgConnectOptions, migration: &Migration, progress: Progress<'_>) {
    // A connection of its own, closed at once: an open transaction would hold the build up.
    let Ok(mut db) = session::connect(options).await else {
        return;
    };
    if let Ok(Some((phase, done, total))) = build_progress(&mut db).await {
        progress(Event::Building { migration, phase: &phase, done, total });
    }
}

/// Cleans up after a failure and says what happened.
async fn failed(
    run: &mut Run<'_>,
    step: Step<'_>,
    index: &ConcurrentIndex,
    started: Instant,
    cause: sqlx::Error,
) -> MigrateError {
    let lock_failure = is_lock_failure(&cause);
    let leftover = remove_leftover(run, index).await;
    if lock_failure {
        return busy(run, step, started).await;
    }
    match MigrateError::in_file(step.file(), step.sql, cause) {
        MigrateError::StepFailed { file, excerpt, cause, .. } => {
            MigrateError::StepFailed { file, excerpt, leftover, cause }
        }
        other => other,
    }
}

/// Drops the invalid index a failed build leaves. Gives its name when it has to stay for now.
async fn remove_leftover(run: &mut Run<'_>, index: &ConcurrentIndex) -> Option<String> {
    let ConcurrentIndex::Create { schema, index: name, .. } = index else {
        return None;
    };
    let db = &mut run.connection;
    match state(db, schema, name).await {
        Ok(State::Missing | State::Ready) => None,
        Ok(State::Invalid | State::BeingBuilt) => {
            let gone = async {
                session::set_for_session(db, CLEAN_UP).await?;
                drop_index(db, schema, name).await
            };
            gone.await.err().map(|_| format!("{schema}.{name}"))
        }
        Err(_) => Some(format!("{schema}.{name}")),
    }
}

async fn busy(run: &mut Run<'_>, step: Step<'_>, started: Instant) -> MigrateError {
    let waited = started.elapsed();
    let holders = blocker::table_blockers(&mut run.connection, run.tracking.schema()).await;
    MigrateError::TableBusy { file: step.file(), waited, blockers: holders.unwrap_or_default() }
}

async fn state(db: &mut PgConnection, schema: &str, name: &str) -> Result<State, sqlx::Error> {
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
    // Both names were read from a migration file and hold letters, digits and underscores only.
    let sql = format!("drop index concurrently if exists {schema}.{name}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

/// Phase, done and total of the index build in this database; blocks where the phase counts them,
/// else the sessions it waits for.
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
