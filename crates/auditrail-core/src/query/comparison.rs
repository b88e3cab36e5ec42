//! Compares values of a record with those of filters, with the result of the statements of a store.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::value::RawValue;

use super::values::{ActionFilter, MetadataFilter};
use crate::inet::{StoredAddress, canonical_network};
use crate::metadata::Metadata;

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
