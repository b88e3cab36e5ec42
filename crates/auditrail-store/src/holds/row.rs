//! Reads rows of the table of holds.

use std::collections::BTreeMap;

use auditrail_core::RecordTime;
use serde::Serialize;
use uuid::Uuid;

use crate::db::Row;
use crate::error::StoreError;
use crate::value::PgTime;

pub(super) const DOING: &str = "read the holds";

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Identifies the hold.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// Why the records are held.
    pub reason: String,
    /// The values that the records have, by the names of columns; `since_at` and `until_at` are a range of time.
    pub filters: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: RecordTime,
    /// Who created it, as type:id.
    pub created_by: String,
    /// When it was released; none while it holds.
    pub released_at: Option<RecordTime>,
    /// Who released it.
    pub released_by: Option<String>,
}

/// The columns that [`hold`] reads, in order.
macro_rules! columns {
    () => {
        "id, name, reason, created_at, created_by, released_at, released_by, actor_type, actor_id, action, \
         target_type, target_id, tenant_id, request_id, text(ip_address), \
         to_char(since_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), \
         to_char(until_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    };
}
pub(super) use columns;

/// The names of the filters, from the eighth column on.
const FILTERS: [&str; 10] = [
    "actor_type",
    "actor_id",
    "action",
    "target_type",
    "target_id",
    "tenant_id",
    "request_id",
    "ip_address",
    "since_at",
    "until_at",
];

/// Reads a row of exactly [`columns!`].
pub(super) fn hold(row: &Row) -> Result<Hold, StoreError> {
    read(row).map_err(StoreError::while_trying_to(DOING))
}

fn read(row: &Row) -> Result<Hold, sqlx::Error> {
    let mut filters = BTreeMap::new();
    for (position, name) in FILTERS.into_iter().enumerate() {
        if let Some(value) = row.get::<Option<String>>(7 + position)? {
            filters.insert(name.to_owned(), value);
        }
    }
    let released: Option<PgTime> = row.get(5)?;
    Ok(Hold {
        id: row.get(0)?,
        name: row.get(1)?,
        reason: row.get(2)?,
        filters,
        created_at: row.get::<PgTime>(3)?.0,
        created_by: row.get(4)?,
        released_at: released.map(|PgTime(time)| time),
        released_by: row.get(6)?,
    })
}
