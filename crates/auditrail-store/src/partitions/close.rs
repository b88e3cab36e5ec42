//! Closes the hot partition: it becomes a closed one, and an empty one takes its place.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::bound::Bound;
use super::catalog::{self, Kind, Layout, Partition};
use super::create::{self, run};
use super::definition::Definition;
use super::error::PartitionError;
use super::moving::Move;
use super::progress::{Event, Progress};
use super::retry::Attempts;
use super::{clock, leftover, name, work};

/// Records whose ids are further ahead of the clock than this are copied to the next partition before the
/// lock is taken. The lock must be granted within this time.
const AHEAD: Duration = Duration::from_secs(5);
/// Most records that are moved to the next partition: they are deleted under the lock, at some microseconds
/// each. If more ids are ahead of the clock, the new bound is ahead of it too.
const MOVED_MAX: i64 = 10_000;

/// A partition that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Its name.
    pub(crate) name: String,
    /// How often records were changed, by the counter of the guard, before records were moved to the new hot
    /// partition, and after. The records are the same: copies of before are still valid.
    pub(crate) changes: (i64, i64),
}

/// The new bound, which is the clock unless many ids are ahead of it.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// The first id that was copied to the next partition.
    copied_from: Bound,
    /// Whether the bound is `copied_from`.
    is_fixed: bool,
}

/// Closes the hot partition. Returns the closed one, or `None` if there is nothing to close: no id is before the
/// clock.
pub(super) async fn close(
    db: &mut PgConnection,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<Option<Closed>, PartitionError> {
    let mut attempts = Attempts::new("close the hot partition", lock_timeout);
    progress(Event::Step { doing: "closing the partition", table: name::HOT });
    let definition = Definition::read(db, name::LOG).await.map_err(attempts.failed())?;
    loop {
        let hot = hot(db).await?;
        let Some(cut) = prepare(db, &hot, &definition).await? else {
            return Ok(None);
        };
        match exchange(db, &hot, cut, &attempts).await {
            Ok(Some(closed)) => {
                run(db, [create::analyze(&closed.name)]).await.map_err(attempts.failed())?;
                return Ok(Some(closed));
            }
            // The lock came late, or a record was changed since it was copied.
            Ok(None) => {}
            Err(error) => attempts.pause(db, error, progress).await?,
        }
    }
}

/// The hot partition and its lower bound.
async fn hot(db: &mut PgConnection) -> Result<Partition, PartitionError> {
    let layout = catalog::layout(db)
        .await
        .map_err(PartitionError::while_trying_to("read the partitions"))?;
    layout.as_ref().and_then(|layout| layout.first(Kind::Hot)).cloned().ok_or_else(
        || match layout {
            None => PartitionError::NotMigrated,
            Some(Layout::Plain { .. }) => PartitionError::NotPartitioned,
            Some(Layout::Partitioned { .. }) => PartitionError::Unsuitable {
                reasons: vec!["no partition ends at the year 2100".to_owned()],
            },
        },
    )
}

/// Creates the next partition, with copies of the records whose ids are ahead of the clock.
async fn prepare(
    db: &mut PgConnection,
    hot: &Partition,
    definition: &Definition,
) -> Result<Option<Cut>, PartitionError> {
    let failed = || PartitionError::while_trying_to("create the next partition");
    let mut tx = db.begin().await.map_err(failed())?;
    leftover::drop(&mut tx, name::NEXT).await?;
    let mut script = create::table(name::NEXT, definition);
    script.extend(create::indexes(name::NEXT, definition));
    run(&mut tx, script).await.map_err(failed())?;
    let ahead = clock::now(&mut tx).await.map_err(failed())?.plus(AHEAD);
    let fixed = id_by_rank(&mut tx, &hot.name, ahead).await.map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    let cut = match fixed {
        Some(id) => Cut { copied_from: after(id), is_fixed: true },
        None => Cut { copied_from: ahead, is_fixed: false },
    };
    let is_before =
        |lower: Bound| cut.is_fixed && lower < cut.copied_from || lower.plus(AHEAD) < ahead;
    if !hot.lower.is_some_and(is_before) {
        return Ok(None);
    }
    moving(&hot.name, cut.copied_from).copy(db).await.map_err(failed())?;
    Ok(Some(cut))
}

/// The first bound after an id.
fn after(id: Uuid) -> Bound {
    Bound::from_unix_ms((id.as_u128() >> 80) as u64 + 1)
}

fn moving(source: &str, lower: Bound) -> Move<'_> {
    Move { source, target: name::NEXT, lower: lower.id(), upper: Bound::HORIZON.id() }
}

/// If more than [`MOVED_MAX`] ids are ahead of a bound, the id after which no more are.
async fn id_by_rank(
    db: &mut PgConnection,
    table: &str,
    ahead: Bound,
) -> Result<Option<Uuid>, sqlx::Error> {
    let sql = format!(
        "select id from {} where id >= $1 order by id desc offset $2 limit 1",
        name::table(table)
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(ahead.id()).bind(MOVED_MAX).fetch_optional(db).await
}

/// The exchange, under an exclusive lock. Returns `None` if it has to be prepared again.
async fn exchange(
    db: &mut PgConnection,
    hot: &Partition,
    cut: Cut,
    attempts: &Attempts,
) -> Result<Option<Closed>, PartitionError> {
    let failed = || attempts.failed();
    let Some(lower) = hot.lower else {
        return Ok(None);
    };
    let closed = name::closed(lower);
    let mut tx = attempts.begin(db).await?;
    let indexes = create::index_names(&mut tx, &hot.name).await.map_err(failed())?;
    let next_indexes = create::index_names(&mut tx, name::NEXT).await.map_err(failed())?;
    run(&mut tx, [create::lock([name::LOG, &hot.name])]).await.map_err(failed())?;
    let now = clock::now(&mut tx).await.map_err(failed())?;
    let bound = if cut.is_fixed { cut.copied_from } else { now };
    if bound > cut.copied_from || bound <= lower || self::hot(&mut tx).await?.lower != hot.lower {
        return Ok(None);
    }
    let [log, old] = [name::LOG, hot.name.as_str()].map(name::table);
    run(&mut tx, [format!("alter table {log} detach partition {old}")]).await.map_err(failed())?;
    let before = work::lock_changes(&mut tx).await.map_err(failed())?;
    if !moving(&hot.name, bound).finish(&mut tx).await.map_err(failed())? {
        return Ok(None);
    }
    // The records are the same, so a merge need not start again. The statement counts as a change also without records.
    work::keep_merge(&mut tx, before).await.map_err(failed())?;
    let after = work::lock_changes(&mut tx).await.map_err(failed())?;
    let mut script = create::rename(&hot.name, &closed, &indexes);
    script.extend(create::rename(name::NEXT, name::HOT, &next_indexes));
    script.push(create::attach(&closed, lower, bound));
    script.push(create::attach(name::HOT, bound, Bound::HORIZON));
    run(&mut tx, script).await.map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    Ok(Some(Closed { name: closed, changes: (before, after) }))
}
