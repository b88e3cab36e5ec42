//! The INSERT statement.

use auditrail_core::{ApiKey, KeyHash, Scope};
use sqlx::PgConnection;

use super::row::columns;
use crate::error::StoreError;
use crate::wire::PgTime;

/// Writes a key and what is kept of its secret.
pub(super) async fn key(
    db: &mut PgConnection,
    key: &ApiKey,
    hash: &KeyHash,
) -> Result<(), StoreError> {
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
    sqlx::query(concat!(
        "insert into control_plane.audit_api_keys (",
        columns!(),
        ", hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(id.as_uuid())
    .bind(hint.as_str())
    .bind(name.as_ref().map(AsRef::as_ref))
    .bind(scopes)
    .bind(tenant_id.as_ref().map(AsRef::as_ref))
    .bind(PgTime(*created_at))
    .bind(created_by.to_string())
    .bind(expires_at.map(PgTime))
    .bind(revoked_at.map(PgTime))
    .bind(hash.as_bytes().as_slice())
    .execute(db)
    .await
    .map_err(StoreError::while_trying_to("write an API key"))?;
    Ok(())
}
