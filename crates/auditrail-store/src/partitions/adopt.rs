//! Turns a plain table into a partitioned one.

mod small;
mod swap;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use super::error::PartitionError;
use super::suitability::{Scope, become_owner};
use crate::owner_session;

pub(crate) use small::{Adoption, adopt_small};

/// Most records of a table that is partitioned in one transaction. Its locks are held for some 100 ms.
pub(super) const SMALL_ROWS_MAX: i64 = 50_000;

/// A session of the table's owner.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, PartitionError> {
    let mut db = owner_session::connect(options, "auditrail partition")
        .await
        .map_err(|cause| PartitionError::Unreachable { cause })?;
    become_owner(&mut db, Scope::Session).await?;
    Ok(db)
}
