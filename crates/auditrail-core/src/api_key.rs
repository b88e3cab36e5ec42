//! API keys: their scopes, tenant and expiry.
//!
//! The secret ([`ApiKeySecret`]) and what is stored ([`ApiKey`], [`ApiKeyHash`]) are different types, so
//! that no list, record or log can contain a secret by mistake.

mod base62;
mod hash;
mod id;
mod parse;
mod scope;
mod secret;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

pub use hash::ApiKeyHash;
pub use id::ApiKeyId;
pub use scope::{Scope, ScopeSet};
pub use secret::{ApiKeyEnv, ApiKeySecret, ApiKeySecretError};

use crate::actor::Actor;
use crate::error::ValueError;
use crate::target::{Target, TargetType};
use crate::text::{ActorId, ApiKeyHint, ApiKeyName, TargetId, TenantId};
use crate::time::RecordTime;

/// A request to create an API key. The store adds the id, the secret and the creation time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// The environment label in the key.
    pub env: ApiKeyEnv,
    /// A name for people.
    pub name: Option<ApiKeyName>,
    /// Its permissions.
    pub scopes: ScopeSet,
    /// The only tenant whose records it can write and read; `None` for all tenants.
    pub tenant_id: Option<TenantId>,
    /// When it expires; `None` for never.
    pub expires_at: Option<RecordTime>,
}

impl NewApiKey {
    /// Checks that the key is not created expired.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] when `expires_at` is not after `now`.
    pub fn check_expiry(&self, now: RecordTime) -> Result<(), ValueError> {
        match self.expires_at {
            Some(end) if end <= now => Err(ValueError::OutOfRange { range: "in the future" }),
            _ => Ok(()),
        }
    }
}

/// An API key as it is stored, without its secret.
///
/// Serializes as flat JSON with times in RFC 3339 and `created_by` in the text form of [`Actor`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// The id. It identifies the key where the secret must not appear.
    pub id: ApiKeyId,
    /// The start of the secret.
    pub hint: ApiKeyHint,
    /// A name for people.
    pub name: Option<ApiKeyName>,
    /// Its permissions.
    pub scopes: ScopeSet,
    /// The only tenant whose records it can write and read; `None` for all tenants.
    pub tenant_id: Option<TenantId>,
    /// When it was created.
    pub created_at: RecordTime,
    /// The actor that created it.
    #[serde(serialize_with = "as_text")]
    pub created_by: Actor,
    /// When it expires; `None` for never.
    pub expires_at: Option<RecordTime>,
    /// When it was revoked. Never reset.
    pub revoked_at: Option<RecordTime>,
}

/// Whether a key authenticates a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyState {
    /// It authenticates requests.
    Active,
    /// Its expiry has passed.
    Expired,
    /// It was revoked.
    Revoked,
}

impl ApiKey {
    /// The state of the key at `now`.
    ///
    /// A revoked key is rejected even if `revoked_at` is in the future: another clock may have set it.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ApiKeyState {
        if self.revoked_at.is_some() {
            return ApiKeyState::Revoked;
        }
        match self.expires_at {
            Some(end) if end.timestamp() <= now => ApiKeyState::Expired,
            _ => ApiKeyState::Active,
        }
    }

    /// The actor of a request that is authenticated by this key.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::ApiKey(ActorId::from_stored(self.id.to_string()))
    }

    /// The key as the target of a record: `api_key` and its id.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::new(TargetType::ApiKey, TargetId::from_stored(self.id.to_string()))
    }
}

impl ApiKeyState {
    /// The name of the state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

fn as_text<S: Serializer>(actor: &Actor, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(actor)
}
