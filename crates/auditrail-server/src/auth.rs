//! Authentication: the principal of an API key and what it may do.

mod stored_keys;
mod unverified;

use std::fmt;
use std::sync::Arc;

use auditrail_core::{RecordedBy, TenantId};
use auditrail_store::ApiKeyVersion;
use futures_util::future::BoxFuture;

pub use auditrail_core::Scope;
pub use stored_keys::StoredKeys;
pub(crate) use unverified::UnverifiedKey;

use crate::writes::WriteOrigin;

/// Finds the principal of a bearer token.
pub trait Authenticator: Send + Sync {
    /// Finds the principal of a token, which may be arbitrary text.
    ///
    /// # Errors
    /// [`AuthError::Refused`] for a token that is unknown, revoked or expired, without distinguishing
    /// these, since the difference would only help an attacker. [`AuthError::Unavailable`] when tokens
    /// cannot be verified at the moment.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>>;

    /// The principal of a token according to a local cache. It has a [`version`](Principal::version),
    /// which must be verified in the transaction that reads or writes for the caller.
    ///
    /// By default there is no cache.
    fn recognize(&self, token: &str) -> Option<Principal> {
        let _ = token;
        None
    }
}

impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        (**self).authenticate(token)
    }

    fn recognize(&self, token: &str) -> Option<Principal> {
        (**self).recognize(token)
    }
}

/// The holder of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The public id of the key. Records that the service writes about itself have it as actor id.
    pub key_id: Box<str>,
    /// The scopes of the key. No scope implies another.
    pub scopes: Vec<Scope>,
    /// The tenant the key is restricted to; none for a key of all tenants.
    pub tenant: Option<TenantId>,
    /// The version to verify in the transaction that uses the key; none if keys are not in the database.
    pub version: Option<ApiKeyVersion>,
}

/// The API key is restricted to a tenant, and the request concerns another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TenantMismatch;

impl Principal {
    /// The origin of records that the holder writes.
    pub(crate) fn write_origin(&self) -> WriteOrigin {
        let recorded_by = Some(RecordedBy::from_stored(format!("key:{}", self.key_id)));
        WriteOrigin { key: self.version, recorded_by }
    }

    /// Whether the key has this scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the key may access records of this tenant, or records without a tenant for `None`.
    #[must_use]
    pub fn sees(&self, tenant: Option<&TenantId>) -> bool {
        self.tenant.is_none() || self.tenant.as_ref() == tenant
    }

    /// Checks that the key may access a tenant.
    pub(crate) fn check_tenant(&self, tenant: Option<&TenantId>) -> Result<(), TenantMismatch> {
        if self.sees(tenant) { Ok(()) } else { Err(TenantMismatch) }
    }

    /// Defaults a tenant to that of the key, and checks that the key may access it.
    pub(crate) fn default_tenant(
        &self,
        tenant: &mut Option<TenantId>,
    ) -> Result<(), TenantMismatch> {
        if tenant.is_none() {
            tenant.clone_from(&self.tenant);
        }
        self.check_tenant(tenant.as_ref())
    }
}

/// Why a token was not accepted.
#[derive(Debug)]
pub enum AuthError {
    /// The token is unknown, revoked or expired.
    Refused,
    /// Tokens cannot be verified at the moment. Retry.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the API key is unknown, revoked or expired",
            Self::Unavailable(_) => "API keys cannot be verified at the moment; retry",
        })
    }
}

impl std::error::Error for AuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused => None,
            Self::Unavailable(source) => Some(&**source),
        }
    }
}
