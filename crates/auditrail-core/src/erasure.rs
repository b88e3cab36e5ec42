//! Requests of erasures and holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::actor::Actor;
use crate::error::{InputError, ValueError};
use crate::metadata::type_name;
use crate::object_reader::{self, ObjectReader};
use crate::query::Filters;
use crate::target::Target;
use crate::text::{Empty, check};

/// Most characters of a reason.
pub const REASON_MAX_CHARS: usize = 2_000;
/// Most characters of the name of a hold.
pub const HOLD_NAME_MAX_CHARS: usize = 200;

const ERASURE_FIELDS: [&str; 5] = ["actor", "target", "fields", "reason", "dry_run"];
const HOLD_FIELDS: [&str; 3] = ["name", "reason", "filters"];

/// A request to erase the values of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewErasure {
    /// In the records of this actor.
    pub actor: Option<Actor>,
    /// In the records about this target.
    pub target: Option<Target>,
    /// Only these fields; the usual ones if empty.
    pub fields: Vec<String>,
    /// Why.
    pub reason: String,
    /// Whether to count only.
    pub dry_run: bool,
}

impl NewErasure {
    /// Parses one untrusted JSON object: the strings `actor` and `target`, of which one is required, as `user:ana`; the list
    /// of strings `fields`; the string `reason`; and the boolean `dry_run`.
    ///
    /// # Errors
    /// [`InputError::NotJson`] with the position, or [`InputError::Invalid`] with every invalid field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InputError> {
        let text = object_reader::utf8(bytes)?;
        let unknown = "is not a field of an erasure";
        let mut reader = ObjectReader::of(text, &ERASURE_FIELDS, unknown)?;
        if reader.field("target").is_none() {
            reader.require("actor");
        }
        let actor = reader.optional("actor", person);
        let target = reader.optional("target", str::parse);
        let fields = reader.field("fields").map(strings);
        let fields = fields.and_then(|fields| reader.keep("fields", fields)).unwrap_or_default();
        let reason = reader.required("reason", parse_reason);
        let dry_run = reader.field("dry_run").map(boolean);
        let dry_run = dry_run.and_then(|value| reader.keep("dry_run", value)).unwrap_or_default();
        reader.finish(reason.map(|reason| Self { actor, target, fields, reason, dry_run }))
    }
}

/// A request to hold records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldInput {
    /// The name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Which records.
    pub filters: Filters,
}

impl HoldInput {
    /// Parses one untrusted JSON object: the strings `name` and `reason`, and the object `filters` with the parameters of a
    /// search as strings. An empty object holds every record.
    ///
    /// # Errors
    /// [`InputError::NotJson`] with the position, or [`InputError::Invalid`] with every invalid field.
    pub fn from_json(bytes: &[u8], now: Timestamp) -> Result<Self, InputError> {
        let text = object_reader::utf8(bytes)?;
        let mut reader = ObjectReader::of(text, &HOLD_FIELDS, "is not a field of a hold")?;
        let name = reader.required("name", parse_hold_name);
        let reason = reader.required("reason", parse_reason);
        reader.require("filters");
        let pairs = reader.field("filters").map(members);
        let pairs = pairs.and_then(|pairs| reader.keep("filters", pairs)).unwrap_or_default();
        let input = reader.finish(name.zip(reason))?;
        let filters = Filters::from_pairs(pairs, now)?;
        Ok(Self { name: input.0, reason: input.1, filters })
    }
}

fn person(text: &str) -> Result<Actor, ValueError> {
    match text.parse()? {
        Actor::System => {
            Err(ValueError::BadFormat { expected: "a person or an API key, as user:ana" })
        }
        actor => Ok(actor),
    }
}

/// Validates the reason of an erasure or a hold: 1 to [`REASON_MAX_CHARS`] characters, no control characters.
///
/// # Errors
/// [`ValueError`].
pub fn parse_reason(text: &str) -> Result<String, ValueError> {
    check(text, REASON_MAX_CHARS, Empty::refused).map(|()| text.to_owned())
}

/// Validates the name of a hold: 1 to [`HOLD_NAME_MAX_CHARS`] characters, no control characters.
///
/// # Errors
/// [`ValueError`].
pub fn parse_hold_name(text: &str) -> Result<String, ValueError> {
    check(text, HOLD_NAME_MAX_CHARS, Empty::refused).map(|()| text.to_owned())
}

fn strings(raw: &RawValue) -> Result<Vec<String>, ValueError> {
    serde_json::from_str(raw.get()).map_err(|_| ValueError::WrongType {
        expected: "a list of strings",
        found: type_name(raw.get()),
    })
}

fn boolean(raw: &RawValue) -> Result<bool, ValueError> {
    serde_json::from_str(raw.get())
        .map_err(|_| ValueError::WrongType { expected: "a boolean", found: type_name(raw.get()) })
}

fn members(raw: &RawValue) -> Result<BTreeMap<String, String>, ValueError> {
    serde_json::from_str(raw.get()).map_err(|_| ValueError::WrongType {
        expected: "an object of strings",
        found: type_name(raw.get()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invalid_field_of_an_erasure_is_reported() {
        let parsed = NewErasure::from_json(
            br#"{"actor":"user:ana","fields":["metadata.email"],"reason":"request 17","dry_run":true}"#,
        )
        .unwrap();
        assert_eq!(parsed.fields, ["metadata.email"]);
        assert!(parsed.dry_run);
        for (text, errors) in [
            (r#"{}"#, 2),
            (r#"{"target":"project:p1"}"#, 1),
            (r#"{"actor":"system","reason":""}"#, 2),
            (r#"{"actor":"ana","fields":"x","reason":1,"dry_run":"yes","more":1}"#, 5),
            (r#"{"actor":"user:ana","actor":"user:bea","reason":"r"}"#, 1),
        ] {
            let Err(InputError::Invalid(found)) = NewErasure::from_json(text.as_bytes()) else {
                panic!("{text}");
            };
            assert_eq!(found.as_slice().len(), errors, "{text}: {found}");
        }
    }

    #[test]
    fn hold_needs_filters_even_to_hold_every_record() {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let parse = |text: &str| HoldInput::from_json(text.as_bytes(), now);
        let hold = parse(r#"{"name":"h","reason":"r","filters":{"actor":"user:ana"}}"#).unwrap();
        assert!(hold.filters.actor_id.is_some());
        assert_eq!(
            parse(r#"{"name":"h","reason":"r","filters":{}}"#).unwrap().filters,
            Filters::default()
        );
        parse(r#"{"name":"h","reason":"r"}"#).unwrap_err();
        parse(r#"{"name":"h","reason":"r","filters":{"actor":"ana"}}"#).unwrap_err();
        parse(r#"{"name":"h","reason":"r","filters":{"unknown":"x"}}"#).unwrap_err();
        parse(r#"{"name":"","reason":"r","filters":[]}"#).unwrap_err();
        parse(r#"{"name":"h\u0000","reason":"r","filters":{}}"#).unwrap_err();
        parse(r#"{"name":"h","reason":"a\nb","filters":{}}"#).unwrap_err();
    }
}
