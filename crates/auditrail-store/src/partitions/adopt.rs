//! Turns a plain table into a partitioned one.

mod large;
mod lenient;
mod small;
mod swap;

use std::time::Duration;

use sqlx::PgConnection;

use super::LOCK_ATTEMPT;
use super::catalog::{self, Layout};
use super::error::PartitionError;
use super::progress::Progress;

pub(crate) use small::{Adoption, adopt_small};

/// Most records of a table that is partitioned in one transaction. Its locks are held for some 100 ms.
pub(super) const SMALL_ROWS_MAX: i64 = 50_000;

/// Partitions the table, or completes an interrupted adoption. Returns whether there was anything to do.
pub(super) async fn adopt(
    db: &mut PgConnection,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<bool, PartitionError> {
    let failed = || PartitionError::while_trying_to("read the partitions");
    let rows = match catalog::layout(db).await.map_err(failed())? {
        None => return Err(PartitionError::NotMigrated),
        Some(Layout::Plain { rows, .. }) => rows,
        Some(Layout::Partitioned { .. }) => return finish(db, lock_timeout, progress).await,
    };
    match adopt_small(db, LOCK_ATTEMPT).await {
        Ok(Adoption::Done | Adoption::AlreadyPartitioned) => return Ok(true),
        Ok(Adoption::TooLarge) => {}
        // The other way waits for locks with pauses, so it suits a small table too.
        Err(error) if error.is_lock_failure() => {}
        Err(error) => return Err(error),
    }
    large::adopt(db, rows, lock_timeout, progress).await?;
    finish(db, lock_timeout, progress).await?;
    Ok(true)
}

/// Completes an interrupted adoption. Returns whether there was anything to do.
pub(super) async fn finish(
    db: &mut PgConnection,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<bool, PartitionError> {
    large::finish(db, lock_timeout, progress).await
}

async fn is_partitioned(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select c.relkind = 'p' from pg_catalog.pg_class c
          where c.oid = pg_catalog.to_regclass('control_plane.audit_logs')",
    )
    .fetch_one(db)
    .await
}
