//! The principal of a request.

use auditrail_core::{Actor, ActorId};

/// The authenticated caller of a request, as the application identifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The actor of the record.
    pub actor: Actor,
    /// The name of the actor for people, such as a mail address.
    pub name: Option<String>,
    /// The user who acts on behalf of the actor, such as an administrator.
    pub impersonator: Option<String>,
    /// The id of the session, token or key that authenticated the request; never the secret itself.
    pub credential_id: Option<String>,
    /// The tenant of the record, unless the rule or the handler sets one.
    pub tenant_id: Option<String>,
}

impl Principal {
    /// A principal with an actor only.
    #[must_use]
    pub const fn new(actor: Actor) -> Self {
        Self { actor, name: None, impersonator: None, credential_id: None, tenant_id: None }
    }

    /// Sets the name of the actor for people.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the impersonator.
    #[must_use]
    pub fn impersonated_by(self, impersonator: impl Into<String>) -> Self {
        Self { impersonator: Some(impersonator.into()), ..self }
    }

    /// Sets the credential id.
    #[must_use]
    pub fn with_credential(self, credential_id: impl Into<String>) -> Self {
        Self { credential_id: Some(credential_id.into()), ..self }
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(self, tenant_id: impl Into<String>) -> Self {
        Self { tenant_id: Some(tenant_id.into()), ..self }
    }

    /// The principal of a request without authentication.
    pub(crate) fn anonymous() -> Self {
        Self::new(Actor::User(ActorId::from_stored("anonymous")))
    }

    /// The principal of a request whose `actor` callback panicked.
    pub(crate) fn unknown() -> Self {
        Self::new(Actor::User(ActorId::from_stored("unknown")))
    }
}
