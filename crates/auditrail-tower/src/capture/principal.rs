//! Who made a request.

use auditrail_core::{Actor, ActorId};

/// Who made a request, as the application knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who acts.
    pub actor: Actor,
    /// Who acts in the name of the actor, such as an administrator.
    pub impersonator: Option<String>,
    /// The id of the session, token or key that was shown; never the token itself.
    pub credential_id: Option<String>,
    /// Whose record it is, unless the rule says.
    pub tenant_id: Option<String>,
}

impl Principal {
    /// Starts with what every record needs.
    #[must_use]
    pub const fn new(actor: Actor) -> Self {
        Self { actor, impersonator: None, credential_id: None, tenant_id: None }
    }

    /// Sets who acts in the name of the actor.
    #[must_use]
    pub fn impersonated_by(self, impersonator: impl Into<String>) -> Self {
        Self { impersonator: Some(impersonator.into()), ..self }
    }

    /// Sets the id of what was shown.
    #[must_use]
    pub fn with_credential(self, credential_id: impl Into<String>) -> Self {
        Self { credential_id: Some(credential_id.into()), ..self }
    }

    /// Sets whose record it is.
    #[must_use]
    pub fn with_tenant(self, tenant_id: impl Into<String>) -> Self {
        Self { tenant_id: Some(tenant_id.into()), ..self }
    }

    /// Nobody said who it is.
    pub(crate) fn anonymous() -> Self {
        Self::new(Actor::User(ActorId::from_stored("anonymous")))
    }

    /// Who it is could not be told.
    pub(crate) fn unknown() -> Self {
        Self::new(Actor::User(ActorId::from_stored("unknown")))
    }
}
