//! Verifies that API keys are unchanged since they were looked up.

use auditrail_core::ApiKeyId;
use pg_pipeline::Connection;
use uuid::Uuid;

use crate::db::{Db, Row, rows_of, run_together};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::sqlstate::from_pipeline;
use crate::value::Xid;

/// The version of an API key when it was looked up. Any change of its row, such as a revocation, creates a
/// new version.
///
/// The version is the transaction that wrote the row (`xmin`), so it includes changes by plain SQL.
/// Restoring the table from a dump creates new versions of all keys, which costs one lookup of each.
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

/// A statement that fails unless all keys are still at these versions, and locks them until the
/// transaction ends: a concurrent revocation waits for it, or it waits for the revocation.
///
/// Only an error prevents the commit of the rest of an exchange, hence the division by zero; see
/// [`is_key_changed`](crate::db::is_key_changed).
pub(crate) fn verify_sql(keys: &[ApiKeyVersion]) -> Sql {
    bind(Sql::new(VERIFY).checks_keys(), keys)
}

const VERIFY: &str = "select 1 / (case when count(*) = cardinality($1) then 1 else 0 end)
    from (select
            from unnest($1::uuid[], $2::xid[]) as expected (id, version)
            join control_plane.audit_api_keys as stored
              on stored.id = expected.id and stored.xmin = expected.version
             for share of stored) as current";

const VERIFY_FOR_READING: &str =
    "select 1 / (case when count(*) = cardinality($1) then 1 else 0 end)
    from unnest($1::uuid[], $2::xid[]) as expected (id, version)
    join control_plane.audit_api_keys as stored
      on stored.id = expected.id and stored.xmin = expected.version";

/// A statement that fails unless all keys are still at these versions, for reading.
pub(crate) fn verify_for_reading_sql(keys: &[ApiKeyVersion]) -> Sql {
    bind(Sql::new(VERIFY_FOR_READING).checks_keys(), keys)
}

/// A statement that returns the position in the list, from 1, of each key that is still at its version.
fn current_sql(keys: &[ApiKeyVersion]) -> Sql {
    bind(
        Sql::new(
            "select expected.place
               from unnest($1::uuid[], $2::xid[]) with ordinality as expected (id, version, place)
               join control_plane.audit_api_keys as stored
                 on stored.id = expected.id and stored.xmin = expected.version",
        ),
        keys,
    )
}

/// Whether a key is still at its version.
pub(crate) async fn is_current(mut db: Db<'_>, key: ApiKeyVersion) -> Result<bool, StoreError> {
    let rows = db
        .fetch(&current_sql(&[key]))
        .await
        .map_err(StoreError::while_trying_to("check API keys"))?;
    Ok(!rows.is_empty())
}

/// The keys that are still at their versions.
pub(crate) async fn current(
    db: &mut Connection,
    keys: &[ApiKeyVersion],
) -> Result<Vec<ApiKeyVersion>, StoreError> {
    let doing = "check API keys";
    let mut replies = run_together(db, &[current_sql(keys)])
        .await
        .map_err(from_pipeline)
        .map_err(StoreError::while_trying_to(doing))?;
    let positions: Vec<i64> = replies
        .pop()
        .map(rows_of)
        .unwrap_or_default()
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<_, _>>()
        .map_err(StoreError::while_trying_to(doing))?;
    let key_at = |position: i64| usize::try_from(position - 1).ok().and_then(|at| keys.get(at));
    Ok(positions.into_iter().filter_map(key_at).copied().collect())
}

fn bind(sql: Sql, keys: &[ApiKeyVersion]) -> Sql {
    sql.bind_array(keys.iter().map(|key| key.id))
        .bind_array(keys.iter().map(|key| Xid(key.written_by)))
}
