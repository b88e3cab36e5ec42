//! Keys by what names them.

use auditrail_core::{ApiKey, KeyHash, KeyId};
use sqlx::PgConnection;

use super::row::{self, columns};
use crate::error::StoreError;

/// The key with this hash.
///
/// The index compares hashes byte by byte, which tells a caller nothing: to learn from the time it
/// takes one would have to choose the hash, and so to find keys that SHA-256 sends near it.
pub(super) async fn by_hash(
    db: &mut PgConnection,
    hash: &KeyHash,
) -> Result<Option<ApiKey>, StoreError> {
    let found = sqlx::query(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_api_keys where hash = $1"
    ))
    .bind(hash.as_bytes().as_slice())
    .fetch_optional(db)
    .await
    .map_err(StoreError::while_trying_to("look for an API key"))?;
    found.as_ref().map(row::key).transpose()
}

/// The key with this id.
pub(super) async fn by_id(db: &mut PgConnection, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
    let found = sqlx::query(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_api_keys where id = $1"
    ))
    .bind(id.as_uuid())
    .fetch_optional(db)
    .await
    .map_err(StoreError::while_trying_to("read an API key"))?;
    found.as_ref().map(row::key).transpose()
}
