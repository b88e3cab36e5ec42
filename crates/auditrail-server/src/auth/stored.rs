//! The keys that are kept in the database.

use auditrail_core::{KeySecret, KeyState};
use auditrail_store::PgKeys;
use futures_util::future::BoxFuture;

use super::{AuthError, Authenticator, Principal};
use crate::clock;
use crate::limits::KEY_TIMEOUT;

/// Checks tokens against the keys in the database, anew for every request.
///
/// A revoked key is shut out by the next request that shows it. A text that is no key by its form
/// or its checksum is refused without asking the database. What the database is asked for is the
/// SHA-256 of the token, so how long the answer takes tells nothing about any key.
#[derive(Clone, Debug)]
pub struct StoredKeys {
    keys: PgKeys,
}

impl StoredKeys {
    /// Takes the keys; their pool needs the rights of a service.
    #[must_use]
    pub const fn new(keys: PgKeys) -> Self {
        Self { keys }
    }

    async fn owner(&self, token: &str) -> Result<Principal, AuthError> {
        let secret: KeySecret = token.parse().map_err(|_| AuthError::Refused)?;
        let hash = secret.hash();
        let found = tokio::time::timeout(KEY_TIMEOUT, self.keys.find_by_hash(&hash)).await;
        let found = found.map_err(|late| AuthError::Unavailable(Box::new(late)))?;
        let found = found.map_err(|error| AuthError::Unavailable(Box::new(error)))?;
        let active = found.filter(|key| key.state(clock::now()) == KeyState::Active);
        let key = active.ok_or(AuthError::Refused)?;
        Ok(Principal {
            key_id: key.id.to_string().into(),
            scopes: key.scopes.iter().collect(),
            tenant: key.tenant_id,
        })
    }
}

impl Authenticator for StoredKeys {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        Box::pin(self.owner(token))
    }
}
