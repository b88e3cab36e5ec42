//! Reads that end at a deadline with what they have so far.

use std::time::Duration;

use tokio::time::Instant;

use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::sqlstate::sqlstate;

/// The SQLSTATE `query_canceled`: also that of a statement timeout.
const QUERY_CANCELED: &str = "57014";

/// The time by which a read has to end.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub(in crate::records) fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// The time that is left, in whole milliseconds, the unit of timeouts in PostgreSQL; `None` when there is none.
    pub(in crate::records) fn left(self) -> Option<Duration> {
        let left = self.0.saturating_duration_since(Instant::now()).as_millis();
        u64::try_from(left).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    /// Limits each of the following statements of the transaction to the time that is left.
    pub(in crate::records) async fn limit(self, db: Db<'_>) -> Result<(), StoreError> {
        // The least timeout; zero would be none.
        limit_to(db, self.left().unwrap_or(Duration::from_millis(1))).await
    }
}

/// Limits each of the following statements of the transaction.
pub(in crate::records) async fn limit_to(
    mut db: Db<'_>,
    timeout: Duration,
) -> Result<(), StoreError> {
    let sql = Sql::new("select set_config('statement_timeout', $1, true)")
        .bind(timeout.as_millis().max(1).to_string());
    let set = db.fetch(&sql).await;
    set.map(drop).map_err(StoreError::while_trying_to("limit a statement"))
}

/// Starts a part of the transaction that [`give_up`] undoes.
pub(in crate::records) async fn attempt(mut db: Db<'_>) -> Result<(), StoreError> {
    let done = db.fetch(&Sql::new("savepoint auditrail_attempt")).await;
    done.map(drop).map_err(StoreError::while_trying_to("start a part of a read"))
}

/// Makes the transaction usable after a statement timed out, with its settings at the last [`attempt`].
pub(in crate::records) async fn give_up(mut db: Db<'_>) -> Result<(), StoreError> {
    let done = db.fetch(&Sql::new("rollback to savepoint auditrail_attempt")).await;
    done.map(drop).map_err(StoreError::while_trying_to("end a part of a read"))
}

/// The result, or `None` if the statement timed out.
pub(in crate::records) fn unless_timed_out<T>(
    result: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Busy { source, .. }) if sqlstate(&source) == Some(QUERY_CANCELED) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
