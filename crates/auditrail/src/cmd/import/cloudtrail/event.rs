//! A CloudTrail record, and the forms in which it is wrapped.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::reject::Reason;
use super::members::{Members, text};

/// A CloudTrail record.
pub(super) struct Event<'a> {
    pub(super) members: Members<'a>,
    /// `userIdentity`, if it is an object.
    pub(super) identity: Option<Members<'a>>,
}

impl<'a> Event<'a> {
    /// # Errors
    /// When `userIdentity` repeats a name, so that it is unclear which value is meant.
    pub(super) fn new(members: Members<'a>) -> Result<Self, Reason> {
        let identity = match members.get("userIdentity").map(|value| value.get()) {
            Some(json) if json.starts_with('{') => {
                let identity = Members::parse(json);
                Some(identity.map_err(|error| {
                    Reason::new("not_cloudtrail", format!("userIdentity: {error}"))
                })?)
            }
            _ => None,
        };
        Ok(Self { members, identity })
    }

    /// A member as text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.members.text(name)
    }

    /// A member of `userIdentity` as text that is not empty.
    pub(super) fn identity_text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.identity.as_ref()?.text(name)
    }

    /// The kind of a record that CloudTrail computes from others, as an action. It has no identity, and of the
    /// other members it may have some in other places ("CloudTrail record contents for Insights events",
    /// "… for aggregated events").
    pub(super) fn statistic(&self) -> Option<&'static str> {
        let kind = self.text("eventType");
        let category = self.text("eventCategory");
        let is = |type_name: &str, category_name: &str| {
            kind.as_deref() == Some(type_name) || category.as_deref() == Some(category_name)
        };
        let has_details =
            self.members.get("eventName").is_none() && self.members.get("insightDetails").is_some();
        if is("AwsCloudTrailInsight", "Insight") || has_details {
            Some("cloudtrail.Insight")
        } else if is("AwsAggregatedEvent", "Aggregated") {
            Some("cloudtrail.AggregatedEvent")
        } else {
            None
        }
    }

    /// The service of the event.
    pub(super) fn source(&self) -> Option<Cow<'a, str>> {
        let of_insight = || self.members.members("insightDetails")?.text("eventSource");
        self.text("eventSource").or_else(of_insight).or_else(|| self.text("insightEventSource"))
    }
}

/// The first label of a service's host name: `iam` for `iam.amazonaws.com`.
pub(super) fn service(source: &str) -> &str {
    source.split('.').next().filter(|label| !label.is_empty()).unwrap_or("aws")
}

/// Names that a record has and an envelope does not.
const RECORD_NAMES: [&str; 5] =
    ["eventName", "eventSource", "userIdentity", "insightDetails", "eventVersion"];

/// The JSON text inside of an envelope: an event of EventBridge (`detail`), an entry of `aws cloudtrail
/// lookup-events` (`CloudTrailEvent`), an entry of CloudWatch Logs (`message`), or a notification of SNS
/// (`Message`).
pub(super) fn unwrapped<'a>(members: &Members<'a>) -> Option<Cow<'a, str>> {
    if RECORD_NAMES.iter().any(|name| members.get(name).is_some()) {
        return None;
    }
    if let Some(detail) = members.get("detail").filter(|value| value.get().starts_with('{')) {
        return Some(Cow::Borrowed(detail.get()));
    }
    ["CloudTrailEvent", "message", "@message", "Message"].iter().find_map(|name| {
        let value = members.get(name)?.get();
        if value.starts_with('{') {
            return Some(Cow::Borrowed(value));
        }
        members.text(name).filter(|text| text.trim_start().starts_with('{'))
    })
}

/// Members that are objects or arrays, and that other programs write as a string with JSON.
const STRUCTURED: [&str; 7] = [
    "userIdentity",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
    "resources",
    "insightDetails",
];

/// The record with JSON in place of strings that contain it, if it has such strings.
pub(super) fn unquoted(members: &Members<'_>) -> Option<String> {
    let quoted = |name: &str, value: &RawValue| {
        let is_structured = STRUCTURED.iter().any(|known| name.eq_ignore_ascii_case(known));
        let may_be_json = value.get().starts_with("\"{") || value.get().starts_with("\"[");
        if !is_structured || !may_be_json {
            return None;
        }
        let inner = text(value)?.into_owned();
        serde_json::from_str::<&RawValue>(&inner).is_ok().then_some(inner)
    };
    let values: Vec<(&str, Option<String>, &RawValue)> =
        members.iter().map(|(name, value)| (name, quoted(name, value), value)).collect();
    if values.iter().all(|(_, inner, _)| inner.is_none()) {
        return None;
    }
    let members = values.iter().map(|(name, inner, value)| {
        let name = serde_json::Value::from(*name);
        format!("{name}:{}", inner.as_deref().unwrap_or(value.get()))
    });
    Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// Whether an object is a digest file, which has hashes of log files and no records
/// ("CloudTrail digest file structure").
pub(super) fn is_digest(members: &Members<'_>) -> bool {
    members.get("digestStartTime").is_some() && members.get("logFiles").is_some()
}

/// As [`is_digest`], by the first bytes of a file: a digest may be larger than a record.
pub(in super::super) fn is_digest_file(begin: &[u8]) -> bool {
    let begin = &begin[..begin.len().min(2_048)];
    let has = |name: &[u8]| memchr::memmem::find(begin, name).is_some();
    has(b"\"digestStartTime\"") && has(b"\"digestS3Bucket\"") && !has(b"\"eventVersion\"")
}
