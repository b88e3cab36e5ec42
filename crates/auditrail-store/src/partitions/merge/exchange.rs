//! Attaches the merged partition in place of its sources.

use sqlx::{Connection, PgConnection};

use super::index::range_check;
use super::{Step, are_attached, copy};
use crate::partitions::bound::Bound;
use crate::partitions::create::{self, run};
use crate::partitions::error::PartitionError;
use crate::partitions::progress::{Event, Progress};
use crate::partitions::retry::Attempts;
use crate::partitions::work::{self, Kind, Work};
use crate::partitions::{catalog, name};

/// Most records of one step that copies late ones.
const LATE_STEP_ROWS: i64 = 5_000;
/// Most late records that are copied under the lock.
const LATE_MAX: i64 = 500;

/// Copies the late records, and then exchanges the partitions.
pub(super) async fn step(
    db: &mut PgConnection,
    work: &Work,
    mut attempts: Attempts,
    progress: Progress<'_>,
) -> Result<Step, PartitionError> {
    progress(Event::Step { doing: "exchanging the partitions", table: &work.target });
    loop {
        while copy_late(db, work).await.map_err(attempts.failed())? >= LATE_MAX.unsigned_abs() {}
        match exchange(db, work, &attempts).await {
            Ok(true) => return Ok(Step::Done),
            // The work has changed, or too many records came late: the next step decides.
            Ok(false) => return Ok(Step::Done),
            Err(error) => attempts.pause(db, error, progress).await?,
        }
    }
}

async fn copy_late(db: &mut PgConnection, work: &Work) -> Result<u64, sqlx::Error> {
    let mut tx = db.begin().await?;
    if !work::lock_same(&mut tx, Kind::Merge, work).await? {
        return Ok(0);
    }
    let copied = copy::late(&mut tx, work, LATE_STEP_ROWS).await?;
    tx.commit().await?;
    Ok(copied)
}

async fn exchange(
    db: &mut PgConnection,
    work: &Work,
    attempts: &Attempts,
) -> Result<bool, PartitionError> {
    let failed = || attempts.failed();
    let mut tx = attempts.begin(db).await?;
    if !work::lock_same(&mut tx, Kind::Merge, work).await.map_err(failed())? {
        return Ok(false);
    }
    let tables = std::iter::once(name::LOG).chain(work.sources.iter().map(String::as_str));
    run(&mut tx, [create::lock(tables)]).await.map_err(failed())?;
    // No record of the sources can be written, erased or removed from here on, whichever table a statement names.
    let layout = catalog::layout(&mut tx).await.map_err(failed())?;
    if !layout.is_some_and(|layout| are_attached(&layout, work))
        || work::is_merge_outdated(&mut tx).await.map_err(failed())?
    {
        return Ok(false);
    }
    let late = copy::late(&mut tx, work, LATE_MAX).await.map_err(failed())?;
    if late >= LATE_MAX.unsigned_abs() {
        return Ok(false);
    }
    let log = name::table(name::LOG);
    let mut script: Vec<String> = work
        .sources
        .iter()
        .map(|source| format!("alter table {log} detach partition {}", name::table(source)))
        .collect();
    let (Some(lower), Some(upper)) = (Bound::from_id(work.lower), Bound::from_id(work.upper))
    else {
        return Ok(false);
    };
    script.push(create::attach(&work.target, lower, upper));
    // The bounds of the partition say the same.
    script.push(format!(
        "alter table {} drop constraint {}",
        name::table(&work.target),
        name::quoted(&range_check(work))
    ));
    run(&mut tx, script).await.map_err(failed())?;
    work::set_phase(&mut tx, Kind::Merge, "drop").await.map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    Ok(true)
}
