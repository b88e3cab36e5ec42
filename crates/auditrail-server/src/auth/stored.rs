//! The keys that are kept in the database.

mod checks;
mod known;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{ApiKeySecret, ApiKeyState};
use auditrail_store::{PgApiKeys, VersionedApiKey};
use futures_util::future::BoxFuture;

use super::{AuthError, Authenticator, Principal};
use crate::clock;
use crate::limits::{KEY_CHECK_TIMEOUT, KEY_OUTAGE_PATIENCE};
use checks::{CheckError, Checks};
use known::KnownKeys;

/// Checks tokens against the keys in the database, for every request anew and for all that wait
/// together at once.
///
/// **Staleness: none.** An answer comes from a statement that began after the request did, so a key
/// that was revoked, by whatever program or hand, is shut out of every request that comes after the
/// commit, and its expiry is looked at when the answer is there. Reading from a replica would end that:
/// the pool has to lead to the primary.
///
/// **Keys that were found are remembered, never trusted.** A request with such a key goes on with what is
/// known, and the statement that reads or writes for it verifies in the same transaction that the row of
/// the key is the same version still. That saves the round trip of a lookup. When the version differs,
/// nothing was read or written, and the key is looked up.
///
/// **Cost of a lookup: one statement at a time.** While one is under way, requests that come gather for
/// the next one, so a busy server asks no more often than the database answers, however many requests
/// and keys there are.
///
/// A text that is no key by its form or its checksum is refused without asking. What the database is
/// asked for is the SHA-256 of the token, so how long the answer takes tells nothing about any key.
/// When it does not answer within
/// [`KEY_CHECK_TIMEOUT`], nobody can tell, and nobody is let in.
///
/// Give it a pool of its own, of two connections: with one that exports share, long exports would
/// keep everybody waiting at the door.
#[derive(Clone, Debug)]
pub struct StoredKeys {
    checks: Checks,
    known: Arc<KnownKeys>,
}

impl StoredKeys {
    /// Takes the keys; their pool needs the rights of a service. Clones share their statements.
    #[must_use]
    pub fn new(keys: PgApiKeys) -> Self {
        Self::waiting_out(keys, KEY_OUTAGE_PATIENCE)
    }

    /// As [`new`](Self::new), asking again for this long while the database is out of reach; less than
    /// a request may take, so that callers hear why.
    #[must_use]
    pub fn waiting_out(keys: PgApiKeys, outage: Duration) -> Self {
        let checks = Checks::new(keys, KEY_CHECK_TIMEOUT, outage);
        Self { checks, known: Arc::default() }
    }

    /// How often the database was asked so far; at most once for each request.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.checks.asked()
    }

    async fn owner(&self, token: &str) -> Result<Principal, AuthError> {
        let secret: ApiKeySecret = token.parse().map_err(|_| AuthError::Refused)?;
        let hash = secret.hash();
        let found = self.checks.find(hash).await.map_err(unavailable)?;
        let active = found.filter(is_active);
        let Some(found) = active else {
            self.known.forget(&hash);
            return Err(AuthError::Refused);
        };
        let principal = principal(&found);
        self.known.keep(hash, found);
        Ok(principal)
    }
}

fn is_active(found: &VersionedApiKey) -> bool {
    found.key.state(clock::now()) == ApiKeyState::Active
}

fn principal(found: &VersionedApiKey) -> Principal {
    Principal {
        key_id: found.key.id.to_string().into(),
        scopes: found.key.scopes.iter().collect(),
        tenant: found.key.tenant_id.clone(),
        version: Some(found.version),
    }
}

fn unavailable(error: CheckError) -> AuthError {
    AuthError::Unavailable(Box::new(error))
}

impl Authenticator for StoredKeys {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        Box::pin(self.owner(token))
    }

    fn recognize(&self, token: &str) -> Option<Principal> {
        let secret: ApiKeySecret = token.parse().ok()?;
        self.known.find(&secret.hash()).filter(is_active).as_ref().map(principal)
    }
}
