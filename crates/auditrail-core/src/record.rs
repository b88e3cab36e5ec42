//! A stored record.

mod columns;

pub(crate) use columns::NAMES;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::action::Action;
use crate::actor::{Actor, ActorType};
use crate::id::RecordId;
use crate::inet::StoredAddress;
use crate::metadata::Metadata;
use crate::outcome::Outcome;
use crate::target::{Target, TargetType};
use crate::text::{
    ActorId, ActorName, JsonText, RecordedBy, RequestId, TargetId, TargetName, TenantId, UserAgent,
};
use crate::time::RecordTime;

/// One row of the table. Rows written by plain SQL are returned unchanged.
///
/// Serializes as flat JSON under the names of the columns; every column is present, `null` for NULL. The
/// JSON deserializes to the same record: text is not validated, and unknown fields are ignored, because a
/// newer server may send more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The id.
    pub id: RecordId,
    /// The actor.
    pub actor: Actor,
    /// The action.
    pub action: Action,
    /// The target.
    pub target: Target,
    /// Free-form metadata; `None` only where plain SQL wrote NULL.
    pub metadata: Option<Metadata>,
    /// The address of the client.
    pub ip_address: Option<StoredAddress>,
    /// The user agent of the client.
    pub user_agent: Option<UserAgent>,
    /// When the action happened.
    pub created_at: RecordTime,
    /// The tenant.
    pub tenant_id: Option<TenantId>,
    /// The request that caused the action.
    pub request_id: Option<RequestId>,
    /// How the action ended.
    pub outcome: Option<Outcome>,
    /// The name of the actor, for people.
    pub actor_name: Option<ActorName>,
    /// The name of the target, for people.
    pub target_name: Option<TargetName>,
    /// The writer. `None` in a record that is not written yet stands for the database role of the
    /// connection.
    pub recorded_by: Option<RecordedBy>,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.columns().serialize(serializer)
    }
}

/// The flat form of a record or an input, in the order of the columns. `None` is omitted, and `Some(None)`
/// is `null`.
#[derive(Serialize)]
pub(crate) struct Columns<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a RecordId>,
    pub(crate) actor_id: &'a str,
    pub(crate) actor_type: ActorType,
    pub(crate) action: &'a Action,
    pub(crate) target_type: &'a TargetType,
    pub(crate) target_id: &'a TargetId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Option<&'a Metadata>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip_address: Option<Option<StoredAddress>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<Option<&'a UserAgent>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<&'a RecordTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<Option<&'a TenantId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Option<&'a RequestId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Option<Outcome>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor_name: Option<Option<&'a ActorName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_name: Option<Option<&'a TargetName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_by: Option<Option<&'a RecordedBy>>,
}

impl Record {
    /// The flat form.
    pub(crate) fn columns(&self) -> Columns<'_> {
        let Self {
            id,
            actor,
            action,
            target: Target { target_type, target_id },
            metadata,
            ip_address,
            user_agent,
            created_at,
            tenant_id,
            request_id,
            outcome,
            actor_name,
            target_name,
            recorded_by,
        } = self;
        Columns {
            id: Some(id),
            actor_id: actor.id(),
            actor_type: actor.actor_type(),
            action,
            target_type,
            target_id,
            metadata: Some(metadata.as_ref()),
            ip_address: Some(*ip_address),
            user_agent: Some(user_agent.as_ref()),
            created_at: Some(created_at),
            tenant_id: Some(tenant_id.as_ref()),
            request_id: Some(request_id.as_ref()),
            outcome: Some(*outcome),
            actor_name: Some(actor_name.as_ref()),
            target_name: Some(target_name.as_ref()),
            recorded_by: Some(recorded_by.as_ref()),
        }
    }

    /// The columns as text, in their order; empty for NULL.
    pub(crate) fn to_cells(&self) -> [Cow<'_, str>; NAMES.len()] {
        fn text<T: AsRef<str>>(value: Option<&T>) -> Cow<'_, str> {
            value.map_or("", AsRef::as_ref).into()
        }
        [
            self.id.to_string().into(),
            self.actor.id().into(),
            self.actor.actor_type().as_str().into(),
            self.action.as_str().into(),
            self.target.target_type.as_str().into(),
            self.target.target_id.as_str().into(),
            self.metadata.as_ref().map_or("", |metadata| metadata.as_str()).into(),
            self.ip_address.map(|ip| ip.to_string()).unwrap_or_default().into(),
            text(self.user_agent.as_ref()),
            self.created_at.to_string().into(),
            text(self.tenant_id.as_ref()),
            text(self.request_id.as_ref()),
            self.outcome.map_or("", Outcome::as_str).into(),
            text(self.actor_name.as_ref()),
            text(self.target_name.as_ref()),
            text(self.recorded_by.as_ref()),
        ]
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredColumns {
            id,
            actor_id,
            actor_type,
            action,
            target_type,
            target_id,
            metadata,
            ip_address,
            user_agent,
            created_at,
            tenant_id,
            request_id,
            outcome,
            actor_name,
            target_name,
            recorded_by,
        } = StoredColumns::deserialize(deserializer)?;
        let actor = Actor::new(actor_type, ActorId::from_stored(actor_id.into_boxed()))
            .map_err(serde::de::Error::custom)?;
        Ok(Self {
            id,
            actor,
            action: Action::from_stored(action.into_boxed()),
            target: Target::new(
                TargetType::from_stored(target_type.into_boxed()),
                TargetId::from_stored(target_id.into_boxed()),
            ),
            metadata: metadata.and_then(Metadata::from_stored),
            ip_address,
            user_agent: user_agent.map(|text| UserAgent::from_stored(text.into_boxed())),
            created_at,
            tenant_id: tenant_id.map(|text| TenantId::from_stored(text.into_boxed())),
            request_id: request_id.map(|text| RequestId::from_stored(text.into_boxed())),
            outcome,
            actor_name: actor_name.map(|text| ActorName::from_stored(text.into_boxed())),
            target_name: target_name.map(|text| TargetName::from_stored(text.into_boxed())),
            recorded_by: recorded_by.map(|text| RecordedBy::from_stored(text.into_boxed())),
        })
    }
}

/// The flat form with unvalidated text.
#[derive(Deserialize)]
struct StoredColumns<'a> {
    id: RecordId,
    #[serde(borrow)]
    actor_id: JsonText<'a>,
    actor_type: ActorType,
    #[serde(borrow)]
    action: JsonText<'a>,
    #[serde(borrow)]
    target_type: JsonText<'a>,
    #[serde(borrow)]
    target_id: JsonText<'a>,
    metadata: Option<Box<RawValue>>,
    ip_address: Option<StoredAddress>,
    #[serde(borrow)]
    user_agent: Option<JsonText<'a>>,
    created_at: RecordTime,
    #[serde(borrow)]
    tenant_id: Option<JsonText<'a>>,
    #[serde(borrow)]
    request_id: Option<JsonText<'a>>,
    outcome: Option<Outcome>,
    #[serde(borrow)]
    actor_name: Option<JsonText<'a>>,
    #[serde(borrow)]
    target_name: Option<JsonText<'a>>,
    #[serde(borrow)]
    recorded_by: Option<JsonText<'a>>,
}
