//! The key of a request that is known from the cache but not verified yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The token of a request, for as long as its key is only known from the cache. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct UnverifiedKey(Arc<Mutex<Option<Box<str>>>>);

impl UnverifiedKey {
    pub(crate) fn set(&self, token: &str) {
        *self.token() = Some(token.into());
    }

    /// Marks the key as verified, by a transaction or by a lookup.
    pub(crate) fn clear(&self) {
        *self.token() = None;
    }

    /// Whether the key is still unverified.
    pub(crate) fn is_set(&self) -> bool {
        self.token().is_some()
    }

    /// Takes the token if the key is still unverified.
    pub(crate) fn take(&self) -> Option<Box<str>> {
        self.token().take()
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn token(&self) -> MutexGuard<'_, Option<Box<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
