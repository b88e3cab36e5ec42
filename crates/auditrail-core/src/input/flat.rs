//! Serializes an input as flat JSON, which [`CreateInput::from_json`] reads.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::CreateInput;
use crate::action::Action;
use crate::actor::ActorType;
use crate::context::RequestContext;
use crate::id::RecordId;
use crate::metadata::Metadata;
use crate::target::{Target, TargetType};
use crate::text::{RequestId, TargetId, TenantId, UserAgent};
use crate::time::RecordTime;

impl Serialize for CreateInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, actor, action, target, metadata, context, tenant_id, created_at } = self;
        let Target { target_type, target_id } = target;
        let RequestContext { ip_address, user_agent, request_id } = context;
        Fields {
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

/// The flat form.
#[derive(Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: &'a Option<RecordId>,
    actor_id: &'a str,
    actor_type: ActorType,
    action: &'a Action,
    target_type: &'a TargetType,
    target_id: &'a TargetId,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: &'a Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: &'a Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: &'a Option<UserAgent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: &'a Option<RecordTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: &'a Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: &'a Option<RequestId>,
}
