//! Reads records by id.

use std::collections::HashMap;

use auditrail_core::{Record, RecordId};
use uuid::Uuid;

use crate::db::Db;
use crate::error::StoreError;
use crate::records::columns::{self, column_list};
use crate::sql::Sql;

/// The record with this id.
pub(in crate::records) async fn by_id(
    mut db: Db<'_>,
    id: RecordId,
) -> Result<Option<Record>, StoreError> {
    let sql = by_id_sql(id);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read a record"))?;
    rows.first().map(columns::record).transpose()
}

/// The statement of [`by_id`].
pub(in crate::records) fn by_id_sql(id: RecordId) -> Sql {
    Sql::new(concat!("select ", column_list!(), " from control_plane.audit_logs where id = $1"))
        .bind(id.as_uuid())
}

/// The records with these ids. Unknown ids are omitted.
pub(in crate::records) async fn by_ids(
    mut db: Db<'_>,
    ids: &[Uuid],
) -> Result<HashMap<RecordId, Record>, StoreError> {
    let sql = Sql::new(concat!(
        "select ",
        column_list!(),
        " from control_plane.audit_logs where id = any($1)"
    ))
    .bind_array(ids);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read records by id"))?;
    rows.iter().map(|row| columns::record(row).map(|record| (record.id, record))).collect()
}
