//! A stored record.

mod columns;

pub(crate) use columns::NAMES;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::action::Action;
use crate::actor::{Actor, ActorType};
use crate::id::RecordId;
use crate::inet::StoredAddress;
use crate::metadata::Metadata;
use crate::target::{Target, TargetType};
use crate::text::{ActorId, JsonText, RequestId, TargetId, TenantId, UserAgent};
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
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
        } = self;
        Columns {
            id,
            actor_id: actor.id(),
            actor_type: actor.actor_type(),
            action,
            target_type,
            target_id,
            metadata,
            ip_address,
            user_agent,
            created_at,
            tenant_id,
            request_id,
        }
        .serialize(serializer)
    }
}

/// The flat form, in the order of the columns.
#[derive(Serialize)]
struct Columns<'a> {
    id: &'a RecordId,
    actor_id: &'a str,
    actor_type: ActorType,
    action: &'a Action,
    target_type: &'a TargetType,
    target_id: &'a TargetId,
    metadata: &'a Option<Metadata>,
    ip_address: &'a Option<StoredAddress>,
    user_agent: &'a Option<UserAgent>,
    created_at: &'a RecordTime,
    tenant_id: &'a Option<TenantId>,
    request_id: &'a Option<RequestId>,
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
}
