//! Keys by what names them.

use std::collections::HashMap;

use auditrail_core::{ApiKey, KeyHash, KeyId};
use sqlx::PgConnection;

use super::row::{self, columns};
use crate::error::StoreError;

/// The keys with these hashes, as far as they are there, each with its hash.
///
/// A row that is no key is the error of that key alone: its neighbours are others' keys. The index compares hashes byte by byte, which tells a caller nothing: to learn from the time it
/// takes one would have to choose the hash, and so to find keys that SHA-256 sends near it.
pub(super) async fn by_hashes(
    db: &mut PgConnection,
    hashes: &[KeyHash],
) -> Result<HashMap<KeyHash, Result<ApiKey, StoreError>>, StoreError> {
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| hash.as_bytes().as_slice()).collect();
    let found = sqlx::query(concat!(
        "select ",
        columns!(),
        ", hash from control_plane.audit_api_keys where hash = any($1)"
    ))
    .bind(hashes)
    .fetch_all(db)
    .await
    .map_err(StoreError::while_trying_to("look for API keys"))?;
    found.iter().map(|row| Ok((row::hash(row)?, row::key(row)))).collect()
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
