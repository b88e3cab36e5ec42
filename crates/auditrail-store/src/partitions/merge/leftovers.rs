//! Drops what a merge leaves: its sources, or its target if it was given up.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Step;
use crate::partitions::create::{self, run};
use crate::partitions::error::PartitionError;
use crate::partitions::progress::{Event, Progress};
use crate::partitions::retry::Attempts;
use crate::partitions::work::{self, Kind, Work};
use crate::partitions::{leftover, name};

pub(super) use crate::partitions::leftover::exists;

/// Drops the next source. At last the merge is complete.
pub(super) async fn step(
    db: &mut PgConnection,
    work: &Work,
    mut attempts: Attempts,
    progress: Progress<'_>,
) -> Result<Step, PartitionError> {
    for source in &work.sources {
        if !exists(db, source).await.map_err(attempts.failed())? {
            continue;
        }
        progress(Event::Step { doing: "dropping the partition", table: source });
        let restored = restore_missing(db, work, source).await.map_err(attempts.failed())?;
        if restored > 0 {
            progress(Event::Restored { table: source, rows: restored });
        }
        while let Err(error) = drop(db, work, source, &attempts).await {
            attempts.pause(db, error, progress).await?;
        }
        return Ok(Step::Done);
    }
    end(db, work).await.map_err(attempts.failed())?;
    run(db, [create::analyze(&work.target)]).await.map_err(attempts.failed())?;
    Ok(Step::Complete(work.target.clone()))
}

/// Writes the records of a detached source that its target lacks. There are none unless a record was inserted
/// with the transaction id of another database, as a restore does. Nothing is written if records were erased or
/// removed since the exchange: they must not come back.
async fn restore_missing(
    db: &mut PgConnection,
    work: &Work,
    source: &str,
) -> Result<u64, sqlx::Error> {
    let mut tx = db.begin().await?;
    if !work::lock_same(&mut tx, Kind::Merge, work).await? {
        return Ok(0);
    }
    work::lock_changes(&mut tx).await?;
    if work::is_merge_outdated(&mut tx).await? {
        return Ok(0);
    }
    let sql = format!(
        "insert into control_plane.audit_logs
         select * from {} stored
          where not exists (select from {} merged where merged.id = stored.id)
         on conflict (id) do nothing",
        name::table(source),
        name::table(&work.target)
    );
    let written = sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?.rows_affected();
    tx.commit().await?;
    Ok(written)
}

/// Ends the merge, unless another process has ended it.
async fn end(db: &mut PgConnection, work: &Work) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    if work::lock_same(&mut tx, Kind::Merge, work).await? {
        work::end(&mut tx, Kind::Merge).await?;
    }
    tx.commit().await
}

async fn drop(
    db: &mut PgConnection,
    work: &Work,
    table: &str,
    attempts: &Attempts,
) -> Result<(), PartitionError> {
    let mut tx = attempts.begin(db).await?;
    if !work::lock_same(&mut tx, Kind::Merge, work).await.map_err(attempts.failed())? {
        return Ok(());
    }
    leftover::drop(&mut tx, table).await?;
    tx.commit().await.map_err(attempts.failed())
}

/// Gives the merge up. The sources are still attached; the target is dropped.
pub(super) async fn discard(db: &mut PgConnection, work: &Work) -> Result<Step, PartitionError> {
    let failed = || PartitionError::while_trying_to("give up a merge");
    let mut tx = db.begin().await.map_err(failed())?;
    let still = work::lock(&mut tx, Kind::Merge).await.map_err(failed())?;
    if still.is_some_and(|still| still.phase != "drop" && still.target == work.target) {
        leftover::drop(&mut tx, &work.target).await?;
        work::end(&mut tx, Kind::Merge).await.map_err(failed())?;
    }
    tx.commit().await.map_err(failed())?;
    Ok(Step::Discarded)
}
