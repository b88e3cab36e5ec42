//! Applies filters to a record in memory, with the result of the statements of a store.

use super::comparison::{matches_action, matches_address, matches_metadata};
use super::filters::Filters;
use crate::record::Record;

impl Filters {
    /// Whether a stored record matches all filters but that on intents, which depends on other records.
    ///
    /// The metadata must have the form that PostgreSQL prints, as that of a stored record has: values that are
    /// objects or lists are compared as text.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let Self {
            actor_id,
            actor_type,
            action,
            target_type,
            target_id,
            tenant_id,
            request_id,
            outcome,
            intents: _,
            ip_address,
            created_at,
            metadata,
            q,
        } = self;
        is(actor_id.as_ref(), || Some(record.actor.id()))
            && actor_type.is_none_or(|kind| kind == record.actor.actor_type())
            && action.as_ref().is_none_or(|filter| matches_action(filter, record.action.as_str()))
            && is(target_type.as_ref(), || Some(record.target.target_type.as_str()))
            && is(target_id.as_ref(), || Some(record.target.target_id.as_str()))
            && is(tenant_id.as_ref(), || record.tenant_id.as_ref().map(AsRef::as_ref))
            && is(request_id.as_ref(), || record.request_id.as_ref().map(AsRef::as_ref))
            && outcome.is_none_or(|outcome| record.outcome == Some(outcome))
            && ip_address.is_none_or(|network| matches_address(network, record.ip_address))
            && created_at.start().is_none_or(|start| record.created_at >= start)
            && created_at.end().is_none_or(|end| record.created_at < end)
            && metadata.iter().all(|filter| matches_metadata(filter, record.metadata.as_ref()))
            && q.as_ref().is_none_or(|q| q.matches(record))
    }
}

/// Whether a text is that of the filter, if there is one.
fn is<'r>(filter: Option<&impl AsRef<str>>, text: impl FnOnce() -> Option<&'r str>) -> bool {
    filter.is_none_or(|filter| text() == Some(filter.as_ref()))
}
