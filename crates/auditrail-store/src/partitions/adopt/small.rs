//! Way 1: a small table, in one transaction.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::swap::Exchange;
use super::{SMALL_ROWS_MAX, is_partitioned, swap};
use crate::owner_session::set_for_transaction;
use crate::partitions::bound::Bound;
use crate::partitions::definition::Definition;
use crate::partitions::error::PartitionError;
use crate::partitions::suitability::{self, Scope};
use crate::partitions::{create, name};

/// The outcome of an attempt to partition a small table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// The table is partitioned now.
    Done,
    /// The table was partitioned already.
    AlreadyPartitioned,
    /// The table has too many records for one transaction.
    TooLarge,
}

/// Partitions the table in one transaction, if it has at most [`SMALL_ROWS_MAX`] records.
///
/// An empty table starts with the month, so that records of clients that were disconnected for a while have
/// a range. A table with records starts now: few ids are later, and those are moved.
///
/// # Errors
/// When the lock is not granted within `lock_timeout`, or the table is unsuitable. Nothing is changed then.
pub(crate) async fn adopt_small(
    db: &mut PgConnection,
    lock_timeout: Duration,
) -> Result<Adoption, PartitionError> {
    let failed = || PartitionError::while_trying_to("partition the table");
    let mut tx = db.begin().await.map_err(failed())?;
    set_for_transaction(&mut tx, lock_timeout).await.map_err(failed())?;
    suitability::become_owner(&mut tx, Scope::Transaction).await?;
    // A large table is not locked at all.
    if count(&mut tx).await.map_err(failed())? > SMALL_ROWS_MAX {
        return Ok(Adoption::TooLarge);
    }
    create::run(&mut tx, [create::lock([name::LOG])]).await.map_err(failed())?;
    if is_partitioned(&mut tx).await.map_err(failed())? {
        return Ok(Adoption::AlreadyPartitioned);
    }
    let rows = count(&mut tx).await.map_err(failed())?;
    if rows > SMALL_ROWS_MAX {
        return Ok(Adoption::TooLarge);
    }
    let lower = lower(&mut tx, rows == 0).await.map_err(failed())?;
    let definition = Definition::read(&mut tx, name::LOG).await.map_err(failed())?;
    suitability::check(&mut tx, &definition).await?;
    swap::create_hot(&mut tx, &definition).await.map_err(failed())?;
    let exchange = Exchange::read(&mut tx, lower).await.map_err(failed())?;
    // Nothing was copied before, so nothing can have changed since.
    exchange.execute(&mut tx, "").await.map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    Ok(Adoption::Done)
}

/// The number of records, at most one more than [`SMALL_ROWS_MAX`].
async fn count(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from (select from control_plane.audit_logs limit $1 + 1) counted",
    )
    .bind(SMALL_ROWS_MAX)
    .fetch_one(db)
    .await
}

/// The start of the month in the clock of the server, or now.
async fn lower(db: &mut PgConnection, is_empty: bool) -> Result<Bound, sqlx::Error> {
    let ms: i64 = sqlx::query_scalar(
        "select (extract(epoch from case when $1 then date_trunc('month', clock_timestamp() at time zone 'UTC')
                                                      at time zone 'UTC'
                                         else clock_timestamp() end) * 1000)::int8",
    )
    .bind(is_empty)
    .fetch_one(db)
    .await?;
    Ok(Bound::from_unix_ms(ms.unsigned_abs()))
}
