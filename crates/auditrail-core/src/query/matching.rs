//! Applies filters to a record in memory, with the result of the statements of a store.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::value::RawValue;

use super::filters::{ActionFilter, Filters, MetadataFilter};
use crate::inet::{StoredAddress, canonical_network};
use crate::metadata::Metadata;
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

pub(super) fn matches_action(filter: &ActionFilter, action: &str) -> bool {
    match filter {
        ActionFilter::Exact(exact) => exact.as_str() == action,
        ActionFilter::Prefix(prefix) => action.starts_with(prefix.as_str()),
    }
}

/// Older records may have an IPv4 address in its mapped form.
pub(super) fn matches_address(network: IpNet, address: Option<StoredAddress>) -> bool {
    let network = canonical_network(network);
    address.is_some_and(|address| {
        network.contains(&address.network()) || network.contains(&address.to_canonical().network())
    })
}

pub(super) fn matches_metadata(filter: &MetadataFilter, metadata: Option<&Metadata>) -> bool {
    let Some(metadata) = metadata else { return false };
    has_value(metadata.as_str(), &[filter.key()], filter.value())
        || filter.path().is_some_and(|path| has_value(metadata.as_str(), &path, filter.value()))
}

/// Whether the value at a path of keys has this text, as the operator `->>` returns it.
fn has_value(json: &str, path: &[&str], text: &str) -> bool {
    let Some((key, rest)) = path.split_first() else {
        return match json.as_bytes().first() {
            Some(b'"') => serde_json::from_str(json).is_ok_and(|value: String| value == text),
            _ => json != "null" && json == text,
        };
    };
    // Anything but an object has no keys.
    let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(json);
    members.is_ok_and(|members| {
        members.get(*key).is_some_and(|value| has_value(value.get(), rest, text))
    })
}
