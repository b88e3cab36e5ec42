//! Records by their ids.

use std::collections::HashMap;

use auditrail_core::{Record, RecordId};
use uuid::Uuid;

use super::row::{self, columns};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// The record with this id.
pub(super) async fn by_id(mut db: Db<'_>, id: RecordId) -> Result<Option<Record>, StoreError> {
    let sql = by_id_sql(id);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read a record"))?;
    rows.first().map(row::record).transpose()
}

/// The statement of [`by_id`].
pub(super) fn by_id_sql(id: RecordId) -> Sql {
    Sql::new(concat!("select ", columns!(), " from control_plane.audit_logs where id = $1"))
        .bind(id.as_uuid())
}

/// The records with these ids, as far as they are there.
pub(super) async fn by_ids(
    mut db: Db<'_>,
    ids: &[Uuid],
) -> Result<HashMap<RecordId, Record>, StoreError> {
    let sql = Sql::new(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_logs where id = any($1)"
    ))
    .bind_array(ids);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read records by id"))?;
    let records = rows.iter().map(row::record);
    records.map(|record| record.map(|record| (record.id, record))).collect()
}
