//! Records by their ids.

use std::collections::HashMap;

use auditrail_core::{Record, RecordId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::{self, columns};
use crate::error::StoreError;

/// The record with this id.
pub(super) async fn by_id(
    db: &mut PgConnection,
    id: RecordId,
) -> Result<Option<Record>, StoreError> {
    let found = sqlx::query(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_logs where id = $1"
    ))
    .bind(id.as_uuid())
    .fetch_optional(db)
    .await
    .map_err(StoreError::while_trying_to("read a record"))?;
    found.as_ref().map(row::record).transpose()
}

/// The records with these ids, as far as they are there.
pub(super) async fn by_ids(
    db: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<RecordId, Record>, StoreError> {
    let found = sqlx::query(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_logs where id = any($1)"
    ))
    .bind(ids)
    .fetch_all(db)
    .await
    .map_err(StoreError::while_trying_to("read records by id"))?;
    let records = found.iter().map(row::record);
    records
        .map(|record| record.map(|record| (record.id, record)))
        .collect()
}
