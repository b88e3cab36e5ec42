//! Copies the records of the sources.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::Step;
use crate::partitions::bound::Bound;
use crate::partitions::create::{self, run};
use crate::partitions::definition::Definition;
use crate::partitions::error::PartitionError;
use crate::partitions::progress::{Event, Progress};
use crate::partitions::work::{self, Kind, Work};
use crate::partitions::{leftover, name};

/// Records of one step: some 100 ms.
const STEP_ROWS: i64 = 10_000;

/// A name for the merged partition that no table has.
pub(super) async fn free_name(db: &mut PgConnection, lower: Bound) -> Result<String, sqlx::Error> {
    let base = name::closed(lower);
    for number in 1_u64.. {
        let name = format!("{base}_m{number}");
        if !leftover::exists(db, &name).await? {
            return Ok(name);
        }
    }
    Ok(base)
}

/// Creates the target, without indexes, and the row of the work.
pub(super) async fn start(
    db: &mut PgConnection,
    work: &Work,
    definition: &Definition,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    run(&mut tx, create::table(&work.target, definition)).await?;
    work::start(&mut tx, Kind::Merge, work).await?;
    tx.commit().await
}

/// Copies the next records.
pub(super) async fn step(
    db: &mut PgConnection,
    progress: Progress<'_>,
) -> Result<Step, PartitionError> {
    let failed = || PartitionError::while_trying_to("copy records to the merged partition");
    let mut tx = db.begin().await.map_err(failed())?;
    let work = work::lock(&mut tx, Kind::Merge).await.map_err(failed())?;
    let Some(work) = work.filter(|work| work.phase == "copy") else {
        return Ok(Step::Done);
    };
    let (rows, last) = copy(&mut tx, &work).await.map_err(failed())?;
    work::add_copied(&mut tx, last, rows).await.map_err(failed())?;
    if rows < STEP_ROWS {
        work::set_phase(&mut tx, Kind::Merge, "index").await.map_err(failed())?;
    }
    tx.commit().await.map_err(failed())?;
    progress(Event::Copied { table: &work.target, rows: work.copied_rows + rows });
    Ok(Step::Done)
}

/// Copies records after the last one that was copied. Returns their number and the last id.
async fn copy(db: &mut PgConnection, work: &Work) -> Result<(i64, Option<Uuid>), sqlx::Error> {
    let after = if work.copied_through.is_some() { ">" } else { ">=" };
    let sql = format!(
        "with step as materialized (
             select * from control_plane.audit_logs
              where id {after} $1 and id < $2 order by id limit $3),
              copied as (insert into {} select * from step)
         select count(*), max(id::text)::uuid from step",
        name::table(&work.target)
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(work.copied_through.unwrap_or(work.lower))
        .bind(work.upper)
        .bind(STEP_ROWS)
        .fetch_one(db)
        .await
}

/// Copies records that arrived in the sources since the start, at most `max`. Returns their number.
pub(super) async fn late(db: &mut PgConnection, work: &Work, max: i64) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "insert into {target}
         select * from control_plane.audit_logs late
          where late.id >= $1 and late.id < $2
            and late.xact_id >= (select since_xact_id
                                   from control_plane.audit_log_partition_work where kind = 'merge')
            and not exists (select from {target} copied where copied.id = late.id)
          limit $3",
        target = name::table(&work.target)
    );
    let copied = sqlx::query(AssertSqlSafe(sql))
        .bind(work.lower)
        .bind(work.upper)
        .bind(max)
        .execute(db)
        .await?;
    Ok(copied.rows_affected())
}
