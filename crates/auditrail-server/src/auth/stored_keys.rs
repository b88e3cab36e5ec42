//! API keys that are stored in the database.

mod cache;
mod lookup;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{ApiKeySecret, ApiKeyState};
use auditrail_store::{PgApiKeys, VersionedApiKey};
use futures_util::future::BoxFuture;

use super::{AuthError, Authenticator, Principal};
use crate::clock;
use crate::limits::{KEY_CHECK_TIMEOUT, KEY_OUTAGE_RETRY};
use cache::KeyCache;
use lookup::{KeyLookupBatcher, LookupError};

/// Authenticates tokens against the keys in the database.
///
/// **Staleness: none.** The result of a lookup comes from a statement that started after the request
/// arrived. A key that was revoked, by any program or by plain SQL, is refused in every request that
/// arrives after the commit; expiry is checked when the result is there. This requires the primary: on
/// a replica the guarantee would not hold.
///
/// **Cached keys are not trusted.** A request with a cached key proceeds with the cached data, and the
/// statement that reads or writes for it verifies in the same transaction that the key still has the same
/// version. This saves the round trip of a lookup. If the version differs, nothing is read or written,
/// and the key is looked up.
///
/// **Lookups are coalesced.** At most one lookup statement is in flight; requests that arrive meanwhile
/// are batched into the next one. The number of statements is thus bounded by the latency of the database
/// and not by the number of requests or keys.
///
/// A token with a wrong form or checksum is refused without a lookup. The lookup is by the SHA-256 of
/// the token, so its timing reveals nothing about stored keys. A lookup that exceeds
/// [`KEY_CHECK_TIMEOUT`] fails, and the request is refused.
///
/// Use a dedicated pool of two connections: on a pool shared with exports, long exports would block
/// authentication.
#[derive(Clone, Debug)]
pub struct StoredKeys {
    batcher: KeyLookupBatcher,
    cache: Arc<KeyCache>,
}

impl StoredKeys {
    /// Uses these keys; their pool needs the privileges of the service role. Clones share lookups and
    /// cache.
    #[must_use]
    pub fn new(keys: PgApiKeys) -> Self {
        Self::with_outage_retry(keys, KEY_OUTAGE_RETRY)
    }

    /// As [`new`](Self::new), but retries lookups for `outage` while the database is unreachable. It should
    /// be shorter than the request timeout, so that callers get the cause.
    #[must_use]
    pub fn with_outage_retry(keys: PgApiKeys, outage: Duration) -> Self {
        let batcher = KeyLookupBatcher::new(keys, KEY_CHECK_TIMEOUT, outage);
        Self { batcher, cache: Arc::default() }
    }

    /// Number of lookup statements so far; at most one per request.
    #[must_use]
    pub fn lookups(&self) -> u64 {
        self.batcher.lookups()
    }

    async fn principal(&self, token: &str) -> Result<Principal, AuthError> {
        let secret: ApiKeySecret = token.parse().map_err(|_| AuthError::Refused)?;
        let hash = secret.hash();
        let stored = self.batcher.find(hash).await.map_err(unavailable)?;
        let Some(key) = stored.filter(is_active) else {
            self.cache.remove(&hash);
            return Err(AuthError::Refused);
        };
        let principal = to_principal(&key);
        self.cache.insert(hash, key);
        Ok(principal)
    }
}

fn is_active(stored: &VersionedApiKey) -> bool {
    stored.key.state(clock::now()) == ApiKeyState::Active
}

fn to_principal(stored: &VersionedApiKey) -> Principal {
    Principal {
        key_id: stored.key.id.to_string().into(),
        scopes: stored.key.scopes.iter().collect(),
        tenant: stored.key.tenant_id.clone(),
        version: Some(stored.version),
    }
}

fn unavailable(error: LookupError) -> AuthError {
    AuthError::Unavailable(Box::new(error))
}

impl Authenticator for StoredKeys {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        Box::pin(self.principal(token))
    }

    fn recognize(&self, token: &str) -> Option<Principal> {
        let secret: ApiKeySecret = token.parse().ok()?;
        self.cache.get(&secret.hash()).filter(is_active).as_ref().map(to_principal)
    }
}
