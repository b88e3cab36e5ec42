//! The INSERT statement.

use auditrail_core::{ApiKey, ApiKeyHash, Scope};

use super::row::columns;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Writes a key and the hash of its secret.
pub(super) async fn key(mut db: Db<'_>, key: &ApiKey, hash: &ApiKeyHash) -> Result<(), StoreError> {
    let ApiKey {
        id,
        hint,
        name,
        scopes,
        tenant_id,
        created_at,
        created_by,
        expires_at,
        revoked_at,
    } = key;
    let scopes: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
    let sql = Sql::new(concat!(
        "insert into control_plane.audit_api_keys (",
        columns!(),
        ", hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(id.as_uuid())
    .bind(hint.as_str())
    .bind_optional(name.as_ref().map(AsRef::<str>::as_ref))
    .bind_array(scopes)
    .bind_optional(tenant_id.as_ref().map(AsRef::<str>::as_ref))
    .bind(PgTime(*created_at))
    .bind(created_by.to_string())
    .bind_optional(expires_at.map(PgTime))
    .bind_optional(revoked_at.map(PgTime))
    .bind(hash.as_bytes().as_slice());
    db.fetch(&sql).await.map_err(StoreError::while_trying_to("write an API key"))?;
    Ok(())
}
