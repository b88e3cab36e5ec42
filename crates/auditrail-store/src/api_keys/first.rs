//! Checks whether a key was ever created.

use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Whether the table is empty. Locks it against other writers until the transaction ends.
pub(super) async fn lock_if_empty(mut tx: Db<'_>) -> Result<bool, StoreError> {
    let doing = "check whether there are API keys";
    let lock = Sql::new("lock table control_plane.audit_api_keys in share row exclusive mode");
    tx.fetch(&lock).await.map_err(StoreError::while_trying_to(doing))?;
    let sql = Sql::new("select not exists (select from control_plane.audit_api_keys)");
    tx.fetch(&sql)
        .await
        .and_then(|rows| rows.first().ok_or(sqlx::Error::RowNotFound)?.get(0))
        .map_err(StoreError::while_trying_to(doing))
}
