//! Who holds a share of the service's resources.
//!
//! A tenant with an `admin` key can create any number of keys, so a limit for each key does not bound a
//! tenant.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::auth::Principal;

/// The tenant of an API key if the key is restricted to one, else the key. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShareHolder(Arc<str>);

impl ShareHolder {
    /// A text that identifies the holder; no tenant has that of a key.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Principal> for ShareHolder {
    fn from(principal: &Principal) -> Self {
        let text = match &principal.tenant {
            Some(tenant) => format!("tenant:{tenant}"),
            None => format!("key:{}", principal.key_id),
        };
        Self(text.into())
    }
}

/// An amount for each share holder; those without one take no memory.
#[derive(Debug, Default)]
pub(crate) struct AmountByHolder(HashMap<ShareHolder, usize>);

impl AmountByHolder {
    pub(crate) fn of(&self, holder: &ShareHolder) -> usize {
        self.0.get(holder).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, holder: &ShareHolder, amount: usize) {
        match self.0.get_mut(holder) {
            Some(of_holder) => *of_holder += amount,
            None => drop(self.0.insert(holder.clone(), amount)),
        }
    }

    /// Subtracts what was added before.
    pub(crate) fn subtract(&mut self, holder: &ShareHolder, amount: usize) {
        if let Entry::Occupied(mut entry) = self.0.entry(holder.clone()) {
            *entry.get_mut() -= amount;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
impl ShareHolder {
    /// The holder of the keys of a tenant.
    pub(crate) fn of_tenant(tenant: &str) -> Self {
        Self(format!("tenant:{tenant}").into())
    }
}
