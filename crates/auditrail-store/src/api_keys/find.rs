//! Keys by what names them.

use std::collections::HashMap;

use auditrail_core::{ApiKey, ApiKeyHash, ApiKeyId};

use super::row::{self, columns};
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::sessions::Read;
use crate::sql::Sql;

/// A key, and the version of it that was found.
#[derive(Clone, Debug)]
pub struct VersionedApiKey {
    /// The key.
    pub key: ApiKey,
    /// Names what was found, to be verified later: see
    /// [`WriteRequest::with_key`](crate::WriteRequest::with_key).
    pub version: ApiKeyVersion,
}

/// Keys by their hashes. A row that is no key is the error of that key alone.
pub type ApiKeysByHash = HashMap<ApiKeyHash, Result<VersionedApiKey, StoreError>>;

/// The keys with these hashes, as far as they are there, each with its hash.
///
/// A row that is no key is the error of that key alone: its neighbours are others' keys. The index
/// compares hashes byte by byte, which tells a caller nothing: to learn from the time it takes one would
/// have to choose the hash, and so to find keys that SHA-256 sends near it.
pub(super) async fn by_hashes(
    mut db: Db<'_>,
    hashes: &[ApiKeyHash],
) -> Result<ApiKeysByHash, StoreError> {
    let sql = Sql::new(concat!(
        "select ",
        columns!(),
        ", hash, xmin from control_plane.audit_api_keys where hash = any($1)"
    ))
    .bind_array(hashes.iter().map(|hash| hash.as_bytes().as_slice()));
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("look for API keys"))?;
    rows.iter().map(|row| Ok((row::hash(row)?, found(row)))).collect()
}

/// The same, over connections of our own.
pub(super) struct ByHashes<'a>(pub(super) &'a [ApiKeyHash]);

impl Read for ByHashes<'_> {
    type Output = ApiKeysByHash;

    fn prologue(&self) -> Vec<Sql> {
        Vec::new()
    }

    async fn read(&self, db: Db<'_>) -> Result<ApiKeysByHash, StoreError> {
        by_hashes(db, self.0).await
    }
}

fn found(row: &Row) -> Result<VersionedApiKey, StoreError> {
    let key = row::key(row)?;
    let version = ApiKeyVersion::read(key.id, row, row::COUNT + 1);
    let version = version.map_err(StoreError::while_trying_to("read the row of an API key"))?;
    Ok(VersionedApiKey { key, version })
}

/// The key with this id.
pub(super) async fn by_id(mut db: Db<'_>, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let sql = Sql::new(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_api_keys where id = $1"
    ))
    .bind(id.as_uuid());
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read an API key"))?;
    rows.first().map(row::key).transpose()
}
