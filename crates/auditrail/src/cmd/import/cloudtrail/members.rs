//! The members of a JSON object, as raw JSON values.
//!
//! A CloudTrail record is read in this form, and not into a struct, so that a member that is unknown or of
//! another type than documented neither rejects the record nor is lost.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::repair;

/// The members of an object, in the order of the input. Names are distinct.
#[derive(Clone, Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Parses an object.
    ///
    /// # Errors
    /// When the text is not JSON ([`serde_json::Error::is_syntax`], [`serde_json::Error::is_eof`]), is not an
    /// object or repeats a name ([`serde_json::Error::is_data`]).
    pub(super) fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The value of a member that is not null. If there is no member of this name, one in another case
    /// counts: Athena writes all names in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let same_case = self.0.iter().find(|(other, _)| other == name);
        let any_case = || self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        let found = same_case.or_else(any_case);
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// The value of a member as text: a string that is not empty, a number or a boolean.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    /// The value of a member that is an object.
    pub(super) fn members(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(|value| Self::parse(value.get()).ok())
    }

    /// The values of a member that is an array, or the value of one that is an object.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let values: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or(vec![value]);
        values.into_iter().filter_map(|value| Self::parse(value.get()).ok()).collect()
    }

    /// All members.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

/// A value as text: a string that is not empty, a number or a boolean.
///
/// CloudTrail writes empty text for unknown values.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    let text = match json.as_bytes() {
        [b'"', ..] => string(json),
        [b'{' | b'[', ..] => return None,
        _ if json == "null" => return None,
        _ => Cow::Borrowed(json),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The text of a JSON string. An escape that is no character is replaced.
fn string(json: &str) -> Cow<'_, str> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
        _ => Cow::Owned(serde_json::from_str(&repair::escapes(json)).unwrap_or_default()),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A name, borrowed from the input unless it has an escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(32);
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(A::Error::custom(format!("duplicate member `{}`", pair[0]))),
            None => Ok(Members(members)),
        }
    }
}
