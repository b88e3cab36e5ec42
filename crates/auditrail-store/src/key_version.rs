//! Whether keys are still what they were when they were looked up.

use auditrail_core::ApiKeyId;
use pg_pipeline::Connection;
use uuid::Uuid;

use crate::db::{Db, Row, rows_of, run_together};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::sqlstate::from_pipeline;
use crate::value::Xid;

/// A key as it was when it was looked up. Any change of its row, a revocation above all, makes another
/// version of it.
///
/// What makes the version is the transaction that wrote the row (`xmin`), so it covers changes that are
/// made by plain SQL too. Restoring the table from a dump makes new versions of all keys, which costs
/// one more lookup of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApiKeyVersion {
    pub(crate) id: Uuid,
    pub(crate) written_by: u32,
}

impl ApiKeyVersion {
    pub(crate) fn read(id: ApiKeyId, row: &Row, column: usize) -> Result<Self, sqlx::Error> {
        let Xid(written_by) = row.get(column)?;
        Ok(Self { id: *id.as_uuid(), written_by })
    }
}

/// A statement that fails unless all keys are still at these versions, and otherwise keeps them so until
/// the transaction ends: a revocation waits for it, and is waited for.
///
/// Only an error keeps the rest of an exchange from being committed, hence the division; see
/// [`is_key_changed`](crate::db::is_key_changed).
pub(crate) fn verify_sql(keys: &[ApiKeyVersion]) -> Sql {
    bind(Sql::new(VERIFY).checks_keys(), keys)
}

const VERIFY: &str = "select 1 / (case when count(*) = cardinality($1) then 1 else 0 end)
    from (select
            from unnest($1::uuid[], $2::xid[]) as asked (id, version)
            join control_plane.audit_api_keys as stored
              on stored.id = asked.id and stored.xmin = asked.version
             for share of stored) as current";

const VERIFY_FOR_READING: &str =
    "select 1 / (case when count(*) = cardinality($1) then 1 else 0 end)
    from unnest($1::uuid[], $2::xid[]) as asked (id, version)
    join control_plane.audit_api_keys as stored
      on stored.id = asked.id and stored.xmin = asked.version";

/// A statement that fails unless all keys are still at these versions, for reading.
pub(crate) fn verify_for_reading_sql(keys: &[ApiKeyVersion]) -> Sql {
    bind(Sql::new(VERIFY_FOR_READING).checks_keys(), keys)
}

/// A statement that returns the place in the list, from 1, of each key that is still at its version.
fn current_sql(keys: &[ApiKeyVersion]) -> Sql {
    bind(
        Sql::new(
            "select asked.place
               from unnest($1::uuid[], $2::xid[]) with ordinality as asked (id, version, place)
               join control_plane.audit_api_keys as stored
                 on stored.id = asked.id and stored.xmin = asked.version",
        ),
        keys,
    )
}

/// Whether a key is still at its version.
pub(crate) async fn is_current(mut db: Db<'_>, key: ApiKeyVersion) -> Result<bool, StoreError> {
    let rows = db.fetch(&current_sql(&[key])).await;
    Ok(!rows.map_err(StoreError::while_trying_to("check API keys"))?.is_empty())
}

/// Those of the keys that are still at their versions.
pub(crate) async fn current(
    db: &mut Connection,
    keys: &[ApiKeyVersion],
) -> Result<Vec<ApiKeyVersion>, StoreError> {
    let doing = "check API keys";
    let replies = run_together(db, &[current_sql(keys)]).await.map_err(from_pipeline);
    let mut replies = replies.map_err(StoreError::while_trying_to(doing))?;
    let rows = replies.pop().map(rows_of).unwrap_or_default();
    let places: Result<Vec<i64>, _> = rows.iter().map(|row| row.get(0)).collect();
    let places = places.map_err(StoreError::while_trying_to(doing))?;
    let place = |place: i64| usize::try_from(place - 1).ok().and_then(|place| keys.get(place));
    Ok(places.into_iter().filter_map(place).copied().collect())
}

fn bind(sql: Sql, keys: &[ApiKeyVersion]) -> Sql {
    sql.bind_array(keys.iter().map(|key| key.id))
        .bind_array(keys.iter().map(|key| Xid(key.written_by)))
}
