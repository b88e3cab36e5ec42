//! Whether a stored record holds what a caller said: what tells a repeated request from one that uses
//! the same id for something else.

use crate::action::Action;
use crate::actor::Actor;
use crate::context::RequestContext;
use crate::id::RecordId;
use crate::inet::StoredAddress;
use crate::input::CreateInput;
use crate::metadata::Metadata;
use crate::record::Record;
use crate::target::Target;
use crate::text::{RequestId, TenantId, UserAgent};
use crate::time::RecordTime;

/// What a caller gave of the fields that a record made of an input has in any case; of every other
/// field the record itself tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Whether the time was given.
    pub created_at: bool,
    /// Whether metadata was given.
    pub metadata: bool,
}

impl CreateInput {
    /// Says whether a stored record holds everything this input says.
    ///
    /// Fields the caller left out are not compared; metadata is compared by what it means.
    #[must_use]
    pub fn is_held_by(&self, stored: &Record) -> bool {
        let Self { id, actor, action, target, metadata, context, tenant_id, created_at } = self;
        let RequestContext { ip_address, user_agent, request_id } = context;
        Said {
            id: *id,
            actor,
            action,
            target,
            metadata: metadata.as_ref(),
            ip_address: ip_address.map(StoredAddress::from),
            user_agent: user_agent.as_ref(),
            created_at: *created_at,
            tenant_id: tenant_id.as_ref(),
            request_id: request_id.as_ref(),
        }
        .is_held_by(stored)
    }

    /// What [`into_record`](Self::into_record) will not tell any more.
    #[must_use]
    pub const fn stated(&self) -> Stated {
        Stated { created_at: self.created_at.is_some(), metadata: self.metadata.is_some() }
    }
}

impl Stated {
    /// As [`CreateInput::is_held_by`], of the input that `asked` was made of.
    #[must_use]
    pub fn is_held_by(self, asked: &Record, stored: &Record) -> bool {
        let Record {
            id,
            actor,
            action,
            target,
            metadata,
            ip_address,
            user_agent,
            created_at,
            tenant_id,
            request_id,
        } = asked;
        Said {
            id: Some(*id),
            actor,
            action,
            target,
            metadata: metadata.as_ref().filter(|_| self.metadata),
            ip_address: *ip_address,
            user_agent: user_agent.as_ref(),
            created_at: Some(*created_at).filter(|_| self.created_at),
            tenant_id: tenant_id.as_ref(),
            request_id: request_id.as_ref(),
        }
        .is_held_by(stored)
    }
}

/// Everything a caller said.
struct Said<'a> {
    id: Option<RecordId>,
    actor: &'a Actor,
    action: &'a Action,
    target: &'a Target,
    metadata: Option<&'a Metadata>,
    ip_address: Option<StoredAddress>,
    user_agent: Option<&'a UserAgent>,
    created_at: Option<RecordTime>,
    tenant_id: Option<&'a TenantId>,
    request_id: Option<&'a RequestId>,
}

impl Said<'_> {
    fn is_held_by(&self, stored: &Record) -> bool {
        let same_metadata = match (self.metadata, &stored.metadata) {
            (None, _) => true,
            (Some(asked), Some(stored)) => asked.same_content(stored),
            (Some(_), None) => false,
        };
        *self.actor == stored.actor
            && *self.action == stored.action
            && *self.target == stored.target
            && left_out_or_same(self.id, Some(stored.id))
            && left_out_or_same(self.ip_address, stored.ip_address)
            && left_out_or_same(self.user_agent, stored.user_agent.as_ref())
            && left_out_or_same(self.request_id, stored.request_id.as_ref())
            && left_out_or_same(self.tenant_id, stored.tenant_id.as_ref())
            && left_out_or_same(self.created_at, Some(stored.created_at))
            && same_metadata
    }
}

fn left_out_or_same<T: PartialEq + Copy>(asked: Option<T>, stored: Option<T>) -> bool {
    asked.is_none() || asked == stored
}
