//! Creates the indexes of the merged partition.

use sqlx::{Connection, PgConnection};

use super::Step;
use crate::partitions::create::{self, run};
use crate::partitions::definition::{Definition, Index};
use crate::partitions::error::PartitionError;
use crate::partitions::name;
use crate::partitions::progress::{Event, Progress};
use crate::partitions::work::{self, Kind, Work};

/// Bounds of an index build: memory for its sort, and no other processes.
const BOUNDS: &str = "set local maintenance_work_mem = '64MB';
                      set local max_parallel_maintenance_workers = 0";

/// Creates the next index, or at last the check of the range.
pub(super) async fn step(
    db: &mut PgConnection,
    work: &Work,
    progress: Progress<'_>,
) -> Result<Step, PartitionError> {
    let failed = || PartitionError::while_trying_to("create an index of the merged partition");
    let definition = Definition::read(db, name::LOG).await.map_err(failed())?;
    let mut tx = db.begin().await.map_err(failed())?;
    if !work::lock_same(&mut tx, Kind::Merge, work).await.map_err(failed())? {
        return Ok(Step::Done);
    }
    match missing(&mut tx, work, &definition).await.map_err(failed())? {
        Some((index, name)) => {
            progress(Event::Step { doing: "creating an index", table: &name });
            let create = index.create(&name, &work.target);
            run(&mut tx, [BOUNDS.to_owned(), create]).await.map_err(failed())?;
        }
        None => {
            progress(Event::Step { doing: "checking the range", table: &work.target });
            run(&mut tx, add_check(work)).await.map_err(failed())?;
            work::set_phase(&mut tx, Kind::Merge, "exchange").await.map_err(failed())?;
        }
    }
    tx.commit().await.map_err(failed())?;
    Ok(Step::Done)
}

/// The check that proves the range, so that the table is not scanned when it is attached.
fn add_check(work: &Work) -> [String; 2] {
    let (table, check) = (name::table(&work.target), name::quoted(&range_check(work)));
    [
        format!("alter table {table} drop constraint if exists {check}"),
        format!(
            "alter table {table} add constraint {check} check (id >= '{}' and id < '{}')",
            work.lower, work.upper
        ),
    ]
}

/// An index of the log that the target lacks, and its name there.
async fn missing<'a>(
    db: &mut PgConnection,
    work: &Work,
    definition: &'a Definition,
) -> Result<Option<(&'a Index, String)>, sqlx::Error> {
    let existing = create::index_names(db, &work.target).await?;
    Ok(definition.indexes.iter().find_map(|index| {
        let name = name::in_partition(&index.name, &work.target);
        (!existing.contains(&name)).then_some((index, name))
    }))
}

/// Goes back to this phase if a migration has added an index: to attach the target would create it under the
/// lock. Returns whether the merge is no more in the phase of the exchange.
pub(super) async fn repeat_if_incomplete(
    db: &mut PgConnection,
    work: &Work,
) -> Result<bool, PartitionError> {
    let failed = || PartitionError::while_trying_to("read the indexes of the merged partition");
    let definition = Definition::read(db, name::LOG).await.map_err(failed())?;
    let mut tx = db.begin().await.map_err(failed())?;
    if !work::lock_same(&mut tx, Kind::Merge, work).await.map_err(failed())? {
        return Ok(true);
    }
    let is_incomplete = missing(&mut tx, work, &definition).await.map_err(failed())?.is_some();
    if is_incomplete {
        work::set_phase(&mut tx, Kind::Merge, "index").await.map_err(failed())?;
        tx.commit().await.map_err(failed())?;
    }
    Ok(is_incomplete)
}

pub(super) fn range_check(work: &Work) -> String {
    format!("{}_ids", work.target)
}
