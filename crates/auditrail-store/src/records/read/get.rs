//! Reads records by id.

use std::collections::HashMap;

use auditrail_core::{Record, RecordId, RecordTime, RecordedBy};
use uuid::Uuid;

use crate::db::Db;
use crate::error::StoreError;
use crate::records::columns::{self, column_list};
use crate::sql::Sql;
use crate::value::PgTime;

/// The parts of a stored record that are not in the input of its caller, or may differ from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredParts {
    /// When the action happened.
    pub created_at: RecordTime,
    /// The writer of the record.
    pub recorded_by: Option<RecordedBy>,
}

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

/// The parts of stored records that are not in the input of their callers. Unknown ids are omitted.
pub(in crate::records) async fn stored_parts(
    mut db: Db<'_>,
    ids: &[Uuid],
) -> Result<HashMap<RecordId, StoredParts>, StoreError> {
    let sql = Sql::new(
        "select id, created_at, recorded_by from control_plane.audit_logs where id = any($1)",
    )
    .bind_array(ids);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read records by id"))?;
    let parts = rows.iter().map(|row| {
        let id: Uuid = row.get(0)?;
        let PgTime(created_at) = row.get(1)?;
        let recorded_by: Option<&str> = row.get(2)?;
        let recorded_by = recorded_by.map(RecordedBy::from_stored);
        Ok((RecordId::from(id), StoredParts { created_at, recorded_by }))
    });
    parts.collect::<Result<_, _>>().map_err(StoreError::while_trying_to("read a row"))
}
