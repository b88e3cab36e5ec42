//! The metadata of a CloudTrail record: every member that is not in a column.

use std::borrow::Cow;

use auditrail_core::Metadata;
use serde_json::value::RawValue;

use super::event::Event;
use super::repair;

/// The key that lists the parts that were left out.
const DROPPED: &str = "dropped";
/// The prefix of a member of the identity whose name is taken.
const IDENTITY: &str = "userIdentity";

/// The parts of the metadata.
pub(super) struct Parts {
    parts: Vec<Part>,
}

struct Part {
    name: String,
    json: String,
    /// Says who acted, so it is left out last.
    says_who: bool,
}

impl Parts {
    /// All members of the record, except those in `columns`, and all members of its identity.
    pub(super) fn of(event: &Event<'_>, columns: &[&str]) -> Self {
        let mut parts = Self { parts: Vec::new() };
        for (name, value) in event.members.iter() {
            let is_identity = name.eq_ignore_ascii_case(IDENTITY) && event.identity.is_some();
            let is_in_column = columns.iter().any(|column| name.eq_ignore_ascii_case(column));
            if !is_identity && !is_in_column {
                parts.add(name, value, false);
            }
        }
        parts.add_identity(event);
        parts
    }

    fn add_identity(&mut self, event: &Event<'_>) {
        let Some(identity) = &event.identity else {
            return;
        };
        for (name, value) in identity.iter() {
            self.add(if name == "type" { "identityType" } else { name }, value, true);
        }
        // Searches compare members of the metadata, not what is inside of them.
        let Some(session) = identity.members("sessionContext") else {
            return;
        };
        let issuer = session.members("sessionIssuer");
        let attributes = session.members("attributes");
        for (name, value) in [
            ("sessionIssuer", issuer.and_then(|issuer| issuer.get("arn"))),
            ("mfaAuthenticated", attributes.and_then(|it| it.get("mfaAuthenticated"))),
            ("sourceIdentity", session.get("sourceIdentity")),
        ] {
            if let Some(value) = value {
                self.add(name, value, true);
            }
        }
    }

    /// Adds a value unless it is empty.
    fn add(&mut self, name: &str, value: &RawValue, says_who: bool) {
        if !matches!(value.get(), "null" | "{}" | "[]" | "\"\"") {
            self.push(name, value.get().to_owned(), says_who);
        }
    }

    /// Adds text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.push(name, serde_json::Value::from(value).to_string(), true);
    }

    fn push(&mut self, name: &str, json: String, says_who: bool) {
        let is_taken = name == DROPPED || self.parts.iter().any(|part| part.name == name);
        let name = if is_taken { format!("{IDENTITY}.{name}") } else { name.to_owned() };
        self.parts.push(Part { name, json, says_who });
    }

    /// The metadata. What the database cannot store is replaced; if the metadata is too large, its largest
    /// parts are left out, those that say who acted last. The key `dropped` lists them.
    pub(super) fn into_metadata(self) -> Metadata {
        let mut parts = self.parts;
        let mut dropped = Vec::new();
        if let Some(metadata) = join(&parts, &dropped) {
            return metadata;
        }
        parts.retain_mut(|part| {
            let storable = repair::storable(&part.json).map(Cow::into_owned);
            let fits = storable.is_some();
            match storable {
                Some(json) => part.json = json,
                None => dropped.push(part.name.clone()),
            }
            fits
        });
        for part in &mut parts {
            part.name = part.name.replace('\0', "\u{fffd}");
        }
        loop {
            if let Some(metadata) = join(&parts, &dropped) {
                return metadata;
            }
            let sizes = parts.iter().enumerate();
            let largest = sizes.max_by_key(|(_, part)| (!part.says_who, part.json.len()));
            let Some((largest, _)) = largest else {
                // Many long names.
                return join(&[], &[]).unwrap_or_default();
            };
            dropped.push(parts.remove(largest).name);
        }
    }
}

fn join(parts: &[Part], dropped: &[String]) -> Option<Metadata> {
    let mut text = String::from("{");
    let dropped = (!dropped.is_empty()).then(|| serde_json::Value::from(dropped).to_string());
    let parts = parts.iter().map(|part| (part.name.as_str(), part.json.as_str()));
    for (name, json) in parts.chain(dropped.iter().map(|names| (DROPPED, names.as_str()))) {
        if text.len() > 1 {
            text.push(',');
        }
        let name = serde_json::Value::from(name).to_string();
        text.push_str(&format!("{name}:{json}"));
    }
    text.push('}');
    text.parse().ok()
}
