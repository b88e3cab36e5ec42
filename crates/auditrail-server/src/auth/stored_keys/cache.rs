//! Cache of API keys that were looked up before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use auditrail_core::ApiKeyHash;
use auditrail_store::VersionedApiKey;

use crate::limits::CACHED_KEYS_MAX;

/// API keys as they were at their last lookup.
#[derive(Debug, Default)]
pub(super) struct KeyCache(Mutex<HashMap<ApiKeyHash, VersionedApiKey>>);

impl KeyCache {
    pub(super) fn get(&self, hash: &ApiKeyHash) -> Option<VersionedApiKey> {
        self.keys().get(hash).cloned()
    }

    /// Adds a key. A full cache evicts an arbitrary key, which costs that one another lookup.
    pub(super) fn insert(&self, hash: ApiKeyHash, key: VersionedApiKey) {
        let mut keys = self.keys();
        if keys.len() >= CACHED_KEYS_MAX
            && let Some(evicted) = keys.keys().next().copied()
        {
            keys.remove(&evicted);
        }
        keys.insert(hash, key);
    }

    pub(super) fn remove(&self, hash: &ApiKeyHash) {
        self.keys().remove(hash);
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn keys(&self) -> MutexGuard<'_, HashMap<ApiKeyHash, VersionedApiKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
