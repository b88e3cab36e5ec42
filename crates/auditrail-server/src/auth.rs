//! Who calls, and what they may do.

mod access;
mod stored;
mod unverified;

use std::fmt;
use std::sync::Arc;

use auditrail_core::{CreateInput, TenantId};
use auditrail_store::KeyVersion;
use futures_util::future::BoxFuture;

use crate::problem::Problem;

pub(crate) use access::{Administrator, Exporter, KeyHolder, Reader, Searcher, Writer};
pub use auditrail_core::Scope;
pub use stored::StoredKeys;
pub(crate) use unverified::layer;

/// Tells who a bearer token belongs to.
pub trait Authenticator: Send + Sync {
    /// Finds the owner of a token, which may be any text at all.
    ///
    /// # Errors
    /// [`AuthError::Refused`] for a token that is unknown, revoked or expired, without saying which:
    /// the difference would help only somebody who guesses. [`AuthError::Unavailable`] when nobody
    /// can tell at the moment.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>>;

    /// The owner of a token as far as is known without asking anybody. It has a
    /// [`version`](Principal::version), which is to be verified in the transaction that reads or writes
    /// for the caller.
    ///
    /// By default nothing is known.
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

/// The holder of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The public id of the key; the records that we write name it as their actor.
    pub key_id: Box<str>,
    /// What the key is good for. No scope implies another.
    pub scopes: Vec<Scope>,
    /// The only tenant whose records the key sees and writes; none for every tenant.
    pub tenant: Option<TenantId>,
    /// What to verify in the transaction that uses the key; none where keys are not in the database.
    pub version: Option<KeyVersion>,
}

impl Principal {
    /// Whether the key is good for this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the key may have to do with the records of this tenant, or with those of none.
    #[must_use]
    pub fn sees(&self, tenant: Option<&TenantId>) -> bool {
        self.tenant.is_none() || self.tenant.as_ref() == tenant
    }

    /// Makes a record one of the tenant the key is bound to; one of another tenant is refused.
    pub(crate) fn stamp(&self, input: &mut CreateInput) -> Result<(), Problem> {
        if input.tenant_id.is_none() {
            input.tenant_id.clone_from(&self.tenant);
        }
        match self.sees(input.tenant_id.as_ref()) {
            true => Ok(()),
            false => Err(Problem::other_tenant()),
        }
    }
}

/// Why a token has no owner.
#[derive(Debug)]
pub enum AuthError {
    /// The token is not good. Use another.
    Refused,
    /// Nobody can tell at the moment. Try again.
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
