//! The audit records of changes of keys.

use auditrail_core::{
    Action, Actor, ApiKey, ApiKeyHash, CreateInput, FieldError, Metadata, RequestContext,
};
use serde_json::json;

use crate::error::StoreError;

/// The record of a new key.
///
/// Its metadata has the SHA-256 of the key, by which the record of a leaked key can be found, and then its
/// activity. The hash is not a secret.
pub(super) fn created(
    key: &ApiKey,
    hash: &ApiKeyHash,
    by: &Actor,
    context: &RequestContext,
) -> Result<CreateInput, StoreError> {
    let metadata = json!({
        "hint": key.hint,
        "name": key.name,
        "scopes": key.scopes,
        "expires_at": key.expires_at,
        "sha256": hash.to_string(),
    });
    about(key, Action::KeyCreated, &metadata, by, context)
}

/// The record of a revocation.
pub(super) fn revoked(
    key: &ApiKey,
    by: &Actor,
    context: &RequestContext,
) -> Result<CreateInput, StoreError> {
    let metadata = json!({"hint": key.hint, "name": key.name, "scopes": key.scopes});
    about(key, Action::KeyRevoked, &metadata, by, context)
}

/// A record in the tenant of the key, so that the tenant sees changes of its keys.
fn about(
    key: &ApiKey,
    action: Action,
    metadata: &serde_json::Value,
    by: &Actor,
    context: &RequestContext,
) -> Result<CreateInput, StoreError> {
    let metadata: Metadata = metadata
        .to_string()
        .parse()
        .map_err(|error| StoreError::InvalidApiKey { error: FieldError::new("/name", &error) })?;
    let mut input = CreateInput::new(by.clone(), action, key.target());
    input.metadata = Some(metadata);
    input.context = context.clone();
    input.tenant_id.clone_from(&key.tenant_id);
    Ok(input)
}
