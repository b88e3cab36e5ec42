//! The input of a write.

mod matching;
mod parse;
mod validate;

pub use matching::ProvidedFields;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::action::Action;
use crate::actor::Actor;
use crate::context::RequestContext;
use crate::error::{InputError, ValueError};
use crate::id::RecordId;
use crate::inet::StoredAddress;
use crate::metadata::Metadata;
use crate::outcome::Outcome;
use crate::record::{Columns, Record};
use crate::target::Target;
use crate::text::{ActorName, TargetName, TenantId};
use crate::time::RecordTime;
use parse::Writer;

/// The input of a write: a record whose id, time and metadata may be missing.
///
/// Serializes as flat JSON under the names of the columns; `None` is omitted.
///
/// ```
/// use auditrail_core::{Action, Actor, CreateInput, Target};
///
/// let target: Target = "project:p1".parse()?;
/// let input = CreateInput::new(Actor::user("u1")?, Action::ProjectCreated, target)
///     .with_metadata_of(&serde_json::json!({"plan": "pro"}))?;
///
/// let json = serde_json::to_vec(&input)?;
/// let now = "2026-01-02T03:04:05Z".parse()?;
/// assert_eq!(CreateInput::from_json(&json, now)?, input);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateInput {
    /// An id chosen by the caller, which makes retries idempotent.
    pub id: Option<RecordId>,
    /// The actor.
    pub actor: Actor,
    /// The action.
    pub action: Action,
    /// The target.
    pub target: Target,
    /// Free-form metadata. If absent, the column is set to `{}`.
    pub metadata: Option<Metadata>,
    /// The request that caused the action.
    pub context: RequestContext,
    /// The tenant.
    pub tenant_id: Option<TenantId>,
    /// When the action happened. If absent, the writer uses its clock.
    pub created_at: Option<RecordTime>,
    /// How the action ended. If absent, nothing is claimed.
    pub outcome: Option<Outcome>,
    /// The name of the actor, for people.
    pub actor_name: Option<ActorName>,
    /// The name of the target, for people.
    pub target_name: Option<TargetName>,
}

impl CreateInput {
    /// An input with the required fields.
    #[must_use]
    pub fn new(actor: Actor, action: Action, target: Target) -> Self {
        Self {
            id: None,
            actor,
            action,
            target,
            metadata: None,
            context: RequestContext::default(),
            tenant_id: None,
            created_at: None,
            outcome: None,
            actor_name: None,
            target_name: None,
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(self, id: RecordId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Sets the metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata: Some(metadata), ..self }
    }

    /// Sets the metadata to a value that serializes to a JSON object, such as `&json!({"plan": "pro"})`.
    ///
    /// # Errors
    /// As [`Metadata::of`].
    pub fn with_metadata_of(self, value: &impl Serialize) -> Result<Self, ValueError> {
        Ok(self.with_metadata(Metadata::of(value)?))
    }

    /// Sets the request that caused the action.
    #[must_use]
    pub fn with_context(self, context: RequestContext) -> Self {
        Self { context, ..self }
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(self, tenant_id: TenantId) -> Self {
        Self { tenant_id: Some(tenant_id), ..self }
    }

    /// Sets when the action happened.
    #[must_use]
    pub fn with_created_at(self, created_at: RecordTime) -> Self {
        Self { created_at: Some(created_at), ..self }
    }

    /// Sets how the action ended.
    #[must_use]
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), ..self }
    }

    /// Sets the name of the actor, for people.
    #[must_use]
    pub fn with_actor_name(self, actor_name: ActorName) -> Self {
        Self { actor_name: Some(actor_name), ..self }
    }

    /// Sets the name of the target, for people.
    #[must_use]
    pub fn with_target_name(self, target_name: TargetName) -> Self {
        Self { target_name: Some(target_name), ..self }
    }

    /// Parses one untrusted JSON object.
    ///
    /// `null` means absent, for every field. `now` bounds `created_at`. Repeated and unknown fields are
    /// rejected: JSON parsers disagree about the former, and the latter are mostly typing errors that
    /// would lose data.
    ///
    /// # Errors
    /// [`InputError::NotJson`] with the position, or [`InputError::Invalid`] with every invalid field.
    pub fn from_json(bytes: &[u8], now: Timestamp) -> Result<Self, InputError> {
        parse::parse(bytes, now, Writer::Rejected)
    }

    /// As [`from_json`](Self::from_json), for a record that was exported: its `recorded_by` is ignored,
    /// because the writer of the new record is another.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_exported_json(bytes: &[u8], now: Timestamp) -> Result<Self, InputError> {
        parse::parse(bytes, now, Writer::Ignored)
    }

    /// Checks the rule that depends on the clock, for inputs that were not parsed from JSON.
    ///
    /// # Errors
    /// [`ValueError::InFuture`] when `created_at` is too far ahead of `now`.
    pub fn check_time(&self, now: Timestamp) -> Result<(), ValueError> {
        self.created_at.map_or(Ok(()), |time| time.check_not_in_future(now))
    }

    /// The text for the `metadata` column; `{}` if absent.
    #[must_use]
    pub fn metadata_text(&self) -> &str {
        self.metadata.as_ref().map_or(Metadata::EMPTY_TEXT, Metadata::as_str)
    }

    /// Whether a stored record has the content of this input, in the fields that it provides.
    ///
    /// Metadata is compared by its JSON value and not by its text.
    #[must_use]
    pub fn matches_stored(&self, stored: &Record) -> bool {
        let record = self.clone().into_record(stored.id, stored.created_at);
        self.provided_fields().matches_stored(&record, stored)
    }

    /// The provided fields, which the result of [`into_record`](Self::into_record) does not show.
    #[must_use]
    pub const fn provided_fields(&self) -> ProvidedFields {
        ProvidedFields {
            created_at: self.created_at.is_some(),
            metadata: self.metadata.is_some(),
            absent: false,
        }
    }

    /// Converts to a record, with defaults for a missing id and time.
    #[must_use]
    pub fn into_record(self, default_id: RecordId, default_time: RecordTime) -> Record {
        let Self {
            id,
            actor,
            action,
            target,
            metadata,
            context,
            tenant_id,
            created_at,
            outcome,
            actor_name,
            target_name,
        } = self;
        let RequestContext { ip_address, user_agent, request_id } = context;
        Record {
            id: id.unwrap_or(default_id),
            actor,
            action,
            target,
            metadata: Some(metadata.unwrap_or_default()),
            ip_address: ip_address.map(StoredAddress::from),
            user_agent,
            created_at: created_at.unwrap_or(default_time),
            tenant_id,
            request_id,
            outcome,
            actor_name,
            target_name,
            recorded_by: None,
        }
    }
}

impl Serialize for CreateInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            id,
            actor,
            action,
            target,
            metadata,
            context,
            tenant_id,
            created_at,
            outcome,
            actor_name,
            target_name,
        } = self;
        let RequestContext { ip_address, user_agent, request_id } = context;
        Columns {
            id: id.as_ref(),
            actor_id: actor.id(),
            actor_type: actor.actor_type(),
            action,
            target_type: &target.target_type,
            target_id: &target.target_id,
            metadata: metadata.as_ref().map(Some),
            ip_address: ip_address.map(StoredAddress::from).map(Some),
            user_agent: user_agent.as_ref().map(Some),
            created_at: created_at.as_ref(),
            tenant_id: tenant_id.as_ref().map(Some),
            request_id: request_id.as_ref().map(Some),
            outcome: outcome.map(Some),
            actor_name: actor_name.as_ref().map(Some),
            target_name: target_name.as_ref().map(Some),
            recorded_by: None,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
