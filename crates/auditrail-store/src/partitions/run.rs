//! Does what is due: closes the hot partition, and merges closed ones.

use std::time::Duration;

use serde::Serialize;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use super::catalog::{self, Kind, Layout, Partition};
use super::close::{self, Closed};
use super::error::PartitionError;
use super::limits::Limits;
use super::merge::{self, Step};
use super::progress::{Progress, silent};
use super::{clock, create, name, plan};
use crate::leadership::Leadership;

/// The longest pause after a step of a merge.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The partitions that were closed.
    pub closed: Vec<String>,
    /// The partitions that others were merged into.
    pub merged: Vec<String>,
}

/// How a run goes about its work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conduct {
    pub(super) limits: Limits,
    pub(super) lock_timeout: Duration,
    /// Whether the hot partition is closed when it is full.
    pub(super) closes: bool,
    /// The share of the time that steps of a merge take up, from 0 to 1; the rest are pauses.
    pub(super) share: f64,
}

/// Closes the hot partition whenever it is full, and merges until no merge is due.
pub(super) async fn run(
    db: &mut PgConnection,
    leadership: &mut Leadership,
    conduct: &Conduct,
    progress: Progress<'_>,
) -> Result<Done, PartitionError> {
    let mut done = Done::default();
    loop {
        leadership.check().await.map_err(|cause| PartitionError::Unreachable { cause })?;
        let partitions = partitions(db).await?;
        if conduct.closes
            && is_full(&partitions, &conduct.limits)
            && let Some(closed) = close::close(db, conduct.lock_timeout, progress).await?
        {
            done.closed.push(closed.name);
            continue;
        }
        let started = Instant::now();
        match merge::step(db, conduct.lock_timeout, progress).await? {
            Step::Idle => {
                if !start_merge(db, &partitions, &conduct.limits).await? {
                    break;
                }
            }
            Step::Complete(merged) => done.merged.push(merged),
            Step::Done | Step::Discarded => {}
        }
        pause(started.elapsed(), &partitions, conduct).await;
    }
    if done != Done::default() {
        analyze(db).await?;
    }
    Ok(done)
}

/// Closes the hot partition if it is full, with one attempt to get its lock. The caller is the one process that changes
/// partitions. `None` also for a plain table.
pub(crate) async fn close_if_full(
    db: &mut PgConnection,
    limits: &Limits,
) -> Result<Option<Closed>, PartitionError> {
    match partitions(db).await {
        Ok(partitions) if is_full(&partitions, limits) => {
            close::close(db, Duration::ZERO, &mut silent).await
        }
        Ok(_) | Err(PartitionError::NotPartitioned) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The pause after a step; none while far too many partitions are attached. Peaks of writers end, and merges wait for it.
async fn pause(took: Duration, partitions: &[Partition], conduct: &Conduct) {
    let closed = partitions.iter().filter(|partition| partition.kind == Kind::Closed).count();
    if conduct.share < 1.0 && closed <= conduct.limits.far_too_many() {
        let ratio = 1.0 / conduct.share.max(0.01) - 1.0;
        sleep(took.mul_f64(ratio).min(PAUSE_MAX)).await;
    }
}

async fn partitions(db: &mut PgConnection) -> Result<Vec<Partition>, PartitionError> {
    let failed = PartitionError::while_trying_to("read the partitions");
    match catalog::layout(db).await.map_err(failed)? {
        None => Err(PartitionError::NotMigrated),
        Some(Layout::Plain { .. }) => Err(PartitionError::NotPartitioned),
        Some(Layout::Partitioned { partitions }) => Ok(partitions),
    }
}

/// Whether the hot partition is to be closed.
pub(super) fn is_full(partitions: &[Partition], limits: &Limits) -> bool {
    let hot = partitions.iter().find(|partition| partition.kind == Kind::Hot);
    hot.is_some_and(|hot| hot.rows >= limits.hot_rows)
}

/// Starts the next merge, if one is due.
async fn start_merge(
    db: &mut PgConnection,
    partitions: &[Partition],
    limits: &Limits,
) -> Result<bool, PartitionError> {
    let failed = PartitionError::while_trying_to("read the clock of the server");
    let now = clock::now(db).await.map_err(failed)?;
    let next = plan::next_merge(partitions, now, limits);
    merge::start(db, &next).await?;
    Ok(!next.is_empty())
}

/// Updates the statistics of the whole table, which autovacuum does not, if the last ones are an hour old.
pub(super) async fn analyze(db: &mut PgConnection) -> Result<(), PartitionError> {
    let failed = || PartitionError::while_trying_to("analyze the table");
    if is_analyze_due(db).await.map_err(failed())? {
        create::run(db, [create::analyze(name::LOG)]).await.map_err(failed())?;
    }
    Ok(())
}

async fn is_analyze_due(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce(max(last_analyze) < clock_timestamp() - interval '1 hour', true)
           from pg_catalog.pg_stat_all_tables
          where relid = pg_catalog.to_regclass('control_plane.audit_logs')",
    )
    .fetch_one(db)
    .await
}
