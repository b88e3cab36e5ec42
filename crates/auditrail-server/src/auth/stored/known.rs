//! Keys that were found before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use auditrail_core::ApiKeyHash;
use auditrail_store::VersionedApiKey;

use crate::limits::KNOWN_KEYS_MAX;

/// Keys that were found in the database, as they were then.
#[derive(Debug, Default)]
pub(super) struct KnownKeys(Mutex<HashMap<ApiKeyHash, VersionedApiKey>>);

impl KnownKeys {
    /// The key with this hash, as it was when it was found.
    pub(super) fn find(&self, hash: &ApiKeyHash) -> Option<VersionedApiKey> {
        self.keys().get(hash).cloned()
    }

    /// Keeps a key. When there are too many, any other makes room: it costs one more lookup.
    pub(super) fn keep(&self, hash: ApiKeyHash, found: VersionedApiKey) {
        let mut keys = self.keys();
        if keys.len() >= KNOWN_KEYS_MAX
            && let Some(other) = keys.keys().next().copied()
        {
            keys.remove(&other);
        }
        keys.insert(hash, found);
    }

    /// Drops a key that is not good any more.
    pub(super) fn forget(&self, hash: &ApiKeyHash) {
        self.keys().remove(hash);
    }

    /// Nothing panics while it holds the lock.
    fn keys(&self) -> MutexGuard<'_, HashMap<ApiKeyHash, VersionedApiKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
