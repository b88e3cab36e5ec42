//! Reads rows of the table.

use auditrail_core::{
    Actor, ApiKey, ApiKeyHash, ApiKeyHint, ApiKeyId, ApiKeyName, Scope, ScopeSet, TenantId,
    ValueError,
};
use uuid::Uuid;

use crate::db::Row;
use crate::error::StoreError;
use crate::value::PgTime;

/// The columns that [`key`] reads, in order. Without the hash, which is not part of [`ApiKey`].
macro_rules! columns {
    () => {
        "id, hint, name, scopes, tenant_id, created_at, created_by, expires_at, revoked_at"
    };
}
pub(super) use columns;

/// The number of [`columns!`].
pub(super) const COUNT: usize = 9;

/// Reads a row of exactly [`columns!`].
pub(super) fn key(row: &Row) -> Result<ApiKey, StoreError> {
    let Columns {
        id,
        hint,
        name,
        scopes,
        tenant_id,
        created_at,
        created_by,
        expires_at,
        revoked_at,
    } = Columns::read(row).map_err(StoreError::while_trying_to("read the row of an API key"))?;
    let id = ApiKeyId::from(id);
    // The check constraints of the table prevent this, unless they were dropped.
    let corrupt = |source| StoreError::CorruptApiKey { id, source };
    Ok(ApiKey {
        id,
        hint: ApiKeyHint::from_stored(hint),
        name: name.map(ApiKeyName::from_stored),
        scopes: scope_set(&scopes).map_err(corrupt)?,
        tenant_id: tenant_id.map(TenantId::from_stored),
        created_at: created_at.0,
        created_by: created_by.parse::<Actor>().map_err(corrupt)?,
        expires_at: expires_at.map(|time| time.0),
        revoked_at: revoked_at.map(|time| time.0),
    })
}

/// Reads the hash of a row that has it after [`columns!`].
pub(super) fn hash(row: &Row) -> Result<ApiKeyHash, StoreError> {
    let doing = "read the hash of an API key";
    let bytes: &[u8] = row.get(COUNT).map_err(StoreError::while_trying_to(doing))?;
    // A check constraint enforces the length.
    bytes
        .try_into()
        .map(ApiKeyHash::from_bytes)
        .map_err(|e| sqlx::Error::Decode(Box::new(e)))
        .map_err(StoreError::while_trying_to(doing))
}

/// A scope of a newer program is an error and not omitted: the key would have more permissions than are
/// shown.
fn scope_set(scopes: &[String]) -> Result<ScopeSet, ValueError> {
    let scopes: Result<Vec<Scope>, _> = scopes.iter().map(|scope| scope.parse()).collect();
    ScopeSet::new(scopes?)
}

struct Columns<'r> {
    id: Uuid,
    hint: &'r str,
    name: Option<&'r str>,
    scopes: Vec<String>,
    tenant_id: Option<&'r str>,
    created_at: PgTime,
    created_by: &'r str,
    expires_at: Option<PgTime>,
    revoked_at: Option<PgTime>,
}

impl<'r> Columns<'r> {
    fn read(row: &'r Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.get(0)?,
            hint: row.get(1)?,
            name: row.get(2)?,
            scopes: row.get(3)?,
            tenant_id: row.get(4)?,
            created_at: row.get(5)?,
            created_by: row.get(6)?,
            expires_at: row.get(7)?,
            revoked_at: row.get(8)?,
        })
    }
}
