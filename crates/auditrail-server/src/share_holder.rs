//! Who holds a share of the service's resources.
//!
//! A tenant with an `admin` key can create any number of keys, so a limit for each key does not bound a
//! tenant.

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

#[cfg(test)]
impl ShareHolder {
    /// The holder of the keys of a tenant.
    pub(crate) fn of_tenant(tenant: &str) -> Self {
        Self(format!("tenant:{tenant}").into())
    }
}
