//! The key that lets the first person in.

use auditrail_core::{ApiKeyEnv, NewApiKey, RequestContext, Scope, ScopeSet};
use auditrail_store::{IssuedApiKey, PgApiKeys};

use crate::cmd::key::by_or_login;
use crate::error::Error;

/// Makes a key with every scope if there has never been a key: no scope contains another, and whoever
/// starts a private PostgreSQL may do everything with it anyway.
pub(super) async fn make(keys: &PgApiKeys) -> Result<Option<IssuedApiKey>, Error> {
    let scopes =
        ScopeSet::new(Scope::ALL).map_err(|error| Error::failed("scopes", error.to_string()))?;
    let new = NewApiKey {
        env: ApiKeyEnv::default(),
        name: "first key".parse().ok(),
        scopes,
        tenant_id: None,
        expires_at: None,
    };
    Ok(keys.create_first(&new, &by_or_login(None)?, &RequestContext::default()).await?)
}
