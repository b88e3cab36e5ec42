//! The text of a record.

use std::net::{IpAddr, Ipv4Addr};

use super::chars::fold;
use crate::record::Record;

/// The columns whose text is searched, in this order.
///
/// The others have a filter of their own and are no text (`id`, `created_at`, `actor_type`, `outcome`), or would
/// be found in nearly every record (`tenant_id`, `recorded_by`).
pub const TEXT_COLUMNS: [&str; 10] = [
    "actor_id",
    "actor_name",
    "action",
    "target_type",
    "target_id",
    "target_name",
    "ip_address",
    "user_agent",
    "request_id",
    "metadata",
];

/// The text of a record, each character in lower case by [`fold`].
///
/// The metadata must have the form that PostgreSQL prints, as that of a stored record has.
#[must_use]
pub fn text_of(record: &Record) -> String {
    let metadata = record.metadata.as_ref().map(|metadata| unescaped(metadata.as_str()));
    let address = record.ip_address.map(|address| host(address.addr()));
    let lines = [
        Some(record.actor.id()),
        record.actor_name.as_ref().map(AsRef::as_ref),
        Some(record.action.as_str()),
        Some(record.target.target_type.as_str()),
        Some(record.target.target_id.as_str()),
        record.target_name.as_ref().map(AsRef::as_ref),
        address.as_deref(),
        record.user_agent.as_ref().map(AsRef::as_ref),
        record.request_id.as_ref().map(AsRef::as_ref),
        metadata.as_deref(),
    ];
    let lines: Vec<&str> = lines.into_iter().flatten().collect();
    lines.join("\n").chars().map(fold).collect()
}

/// The user agent of a record, each character in lower case by [`fold`]; empty for NULL.
#[must_use]
pub fn user_agent_of(record: &Record) -> String {
    let agent = record.user_agent.as_ref().map_or("", AsRef::as_ref);
    agent.chars().map(fold).collect()
}

/// JSON text with its escapes resolved; a control character becomes a line break.
fn unescaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            (_, Some('u')) => {
                rest.nth(3);
                out.push('\n');
            }
            (_, Some('b' | 'f' | 'n' | 'r' | 't')) => out.push('\n'),
            (_, Some(escaped)) => out.push(escaped),
            (plain, None) => out.push(plain),
        }
    }
    out
}

/// The address as PostgreSQL prints it, which has the last 32 bits of an IPv6 address in decimal
/// where all others are zero.
fn host(address: IpAddr) -> String {
    let IpAddr::V6(v6) = address else { return address.to_string() };
    let [0, 0, 0, 0, 0, 0, high @ 1..=u16::MAX, low] = v6.segments() else { return v6.to_string() };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    format!("::{}", Ipv4Addr::new(a, b, c, d))
}
