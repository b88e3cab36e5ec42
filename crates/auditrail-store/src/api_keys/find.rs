//! Looks up keys by hash and by id.

use std::collections::{HashMap, HashSet};

use auditrail_core::{ApiKey, ApiKeyHash, ApiKeyId};
use uuid::Uuid;

use super::row::{self, columns};
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::sessions::Read;
use crate::sql::Sql;

/// A key with its version.
#[derive(Clone, Debug)]
pub struct VersionedApiKey {
    /// The key.
    pub key: ApiKey,
    /// The version, to be verified later: see
    /// [`WriteRequest::with_key`](crate::WriteRequest::with_key).
    pub version: ApiKeyVersion,
}

/// Keys by their hashes. An invalid row is the error of that key only.
pub type ApiKeysByHash = HashMap<ApiKeyHash, Result<VersionedApiKey, StoreError>>;

/// The keys with these hashes. Unknown hashes are omitted, and an invalid row is the error of that key
/// only, because the others belong to other clients.
///
/// The index does not compare hashes in constant time. That leaks nothing: a timing attack would have to
/// choose the hash, and so find keys with a chosen SHA-256 prefix.
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
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("look up API keys"))?;
    rows.iter().map(|row| Ok((row::hash(row)?, versioned_key(row)))).collect()
}

/// The same over [`Sessions`](crate::sessions::Sessions).
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

/// The ids among these that belong to a key, over [`Sessions`](crate::sessions::Sessions).
pub(super) struct Existing<'a>(pub(super) &'a [ApiKeyId]);

impl Read for Existing<'_> {
    type Output = HashSet<ApiKeyId>;

    fn prologue(&self) -> Vec<Sql> {
        Vec::new()
    }

    async fn read(&self, db: Db<'_>) -> Result<HashSet<ApiKeyId>, StoreError> {
        existing(db, self.0).await
    }
}

fn versioned_key(row: &Row) -> Result<VersionedApiKey, StoreError> {
    let key = row::key(row)?;
    let version = ApiKeyVersion::read(key.id, row, row::COUNT + 1)
        .map_err(StoreError::while_trying_to("read the row of an API key"))?;
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

/// The ids among these that belong to a key.
pub(super) async fn existing(
    mut db: Db<'_>,
    ids: &[ApiKeyId],
) -> Result<HashSet<ApiKeyId>, StoreError> {
    let sql = Sql::new("select id from control_plane.audit_api_keys where id = any($1)")
        .bind_array(ids.iter().map(ApiKeyId::as_uuid));
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read API keys"))?;
    rows.iter()
        .map(|row| row.get::<Uuid>(0).map(ApiKeyId::from))
        .collect::<Result<_, _>>()
        .map_err(StoreError::while_trying_to("read the row of an API key"))
}
