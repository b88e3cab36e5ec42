//! The filters of a search. A record must match all of them.

use std::borrow::Cow;

use ipnet::IpNet;

use super::expression::Expression;
use super::intents::Intents;
use super::values::{ActionFilter, MetadataFilter, TimeRange};
use crate::actor::{Actor, ActorType};
use crate::inet::StoredAddress;
use crate::outcome::Outcome;
use crate::target::{Target, TargetType};
use crate::text::{ActorId, RequestId, TargetId, TenantId};

/// The filters of a search; the default matches every record but intents that have an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Exactly this actor id.
    pub actor_id: Option<ActorId>,
    /// This kind of actor.
    pub actor_type: Option<ActorType>,
    /// This action, or all actions of a resource.
    pub action: Option<ActionFilter>,
    /// This kind of target.
    pub target_type: Option<TargetType>,
    /// Exactly this target id.
    pub target_id: Option<TargetId>,
    /// Exactly this tenant.
    pub tenant_id: Option<TenantId>,
    /// Exactly this request.
    pub request_id: Option<RequestId>,
    /// This outcome.
    pub outcome: Option<Outcome>,
    /// Which intents to include; `None` for the open ones, and in an export for all.
    pub intents: Option<Intents>,
    /// An address in this network; a single address is a network of full length.
    pub ip_address: Option<IpNet>,
    /// In this range of time.
    pub created_at: TimeRange,
    /// With all of these metadata values, in the order of their keys.
    pub metadata: Vec<MetadataFilter>,
    /// Meeting this expression too.
    pub q: Option<Expression>,
}

/// The parameters that [`Filters::to_pairs`] uses: those that services of every version know.
const PAIR_NAMES: [&str; 12] = [
    "actor_id",
    "actor_type",
    "action",
    "target_type",
    "target_id",
    "tenant_id",
    "request_id",
    "outcome",
    "intents",
    "ip_address",
    "start_date",
    "end_date",
];

impl Filters {
    /// With the id and the type of this actor.
    #[must_use]
    pub fn with_actor(self, actor: &Actor) -> Self {
        let actor_id = ActorId::from_stored(actor.id());
        Self { actor_id: Some(actor_id), actor_type: Some(actor.actor_type()), ..self }
    }

    /// With the id and the type of this target.
    #[must_use]
    pub fn with_target(self, target: Target) -> Self {
        let Target { target_type, target_id } = target;
        Self { target_type: Some(target_type), target_id: Some(target_id), ..self }
    }

    /// The filters as parameters, in a fixed order; [`from_pairs`](Self::from_pairs) reads them back.
    ///
    /// Uses `start_date` and `end_date`, which services of every version know.
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(Cow<'static, str>, String)> {
        let Self {
            actor_id,
            actor_type,
            action,
            target_type,
            target_id,
            tenant_id,
            request_id,
            outcome,
            intents,
            ip_address,
            created_at,
            metadata,
            q,
        } = self;
        let values = [
            actor_id.as_ref().map(ToString::to_string),
            actor_type.as_ref().map(ToString::to_string),
            action.as_ref().map(ToString::to_string),
            target_type.as_ref().map(ToString::to_string),
            target_id.as_ref().map(ToString::to_string),
            tenant_id.as_ref().map(ToString::to_string),
            request_id.as_ref().map(ToString::to_string),
            outcome.as_ref().map(ToString::to_string),
            intents.as_ref().map(ToString::to_string),
            ip_address.map(|network| StoredAddress::from(network).to_string()),
            created_at.start().as_ref().map(ToString::to_string),
            created_at.end().as_ref().map(ToString::to_string),
        ];
        let named = PAIR_NAMES.into_iter().zip(values);
        let mut pairs: Vec<_> =
            named.filter_map(|(name, value)| Some((Cow::Borrowed(name), value?))).collect();
        for filter in metadata {
            pairs.push((
                Cow::Owned(format!("metadata.{}", filter.key())),
                filter.value().to_owned(),
            ));
        }
        pairs.extend(q.as_ref().map(|q| (Cow::Borrowed("q"), q.to_string())));
        pairs
    }
}
