//! API keys: what a key may do, whom it belongs to, and until when.
//!
//! The key itself ([`ApiKeySecret`]) and what is kept of it ([`ApiKey`], [`ApiKeyHash`]) are different
//! types, so that no list, record or log can show a key by mistake.

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

/// What is asked of a new key. Its id, its secret and its time come from whoever makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// The label in the key.
    pub env: ApiKeyEnv,
    /// What people call it.
    pub name: Option<ApiKeyName>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The only tenant it may write for and see; `None` for all.
    pub tenant_id: Option<TenantId>,
    /// From when on it is refused; `None` for never.
    pub expires_at: Option<RecordTime>,
}

impl NewApiKey {
    /// Checks that the key would be of use at all.
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

/// A key as it is kept: everything but the key.
///
/// As JSON it is flat, times in RFC 3339, `created_by` as [`Actor`] prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// The id, which names the key wherever the key itself must not be.
    pub id: ApiKeyId,
    /// How the key starts.
    pub hint: ApiKeyHint,
    /// What people call it.
    pub name: Option<ApiKeyName>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The only tenant it may write for and see; `None` for all.
    pub tenant_id: Option<TenantId>,
    /// When it was made.
    pub created_at: RecordTime,
    /// Who made it.
    #[serde(serialize_with = "printed")]
    pub created_by: Actor,
    /// From when on it is refused; `None` for never.
    pub expires_at: Option<RecordTime>,
    /// When it was revoked. Once set it stays.
    pub revoked_at: Option<RecordTime>,
}

/// Whether a key is to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl ApiKey {
    /// Whether the key is to be let in at `now`.
    ///
    /// A revoked key is refused whatever its time of revocation says: it was set by another clock.
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

    /// Who acts in a request that is made with this key.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::ApiKey(ActorId::from_stored(self.id.to_string()))
    }

    /// The key as what is acted upon: `api_key` and its id.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::new(TargetType::ApiKey, TargetId::from_stored(self.id.to_string()))
    }
}

impl ApiKeyState {
    /// The state as people and scripts read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

fn printed<S: Serializer>(actor: &Actor, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(actor)
}
