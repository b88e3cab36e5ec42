//! The metadata of a record: a JSON object.

mod keys;
mod number;
mod same;
mod scan;

pub(crate) use scan::{type_name, unstorable_text};

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::ValueError;

/// Free-form metadata, kept as the JSON text that was received.
///
/// Parsing accepts an object within [`METADATA_MAX_BYTES`](crate::limits::METADATA_MAX_BYTES),
/// [`METADATA_MAX_DEPTH`](crate::limits::METADATA_MAX_DEPTH) and
/// [`METADATA_MAX_NUMBER_DIGITS`](crate::limits::METADATA_MAX_NUMBER_DIGITS) that jsonb can hold: no
/// `\u0000`, no half surrogate pair, and no object with a repeated key, of which jsonb would keep the last. Escapes such as `\n` stay allowed: the rule against control
/// characters protects what is printed or logged, and JSON text holds the two characters `\` and `n`.
/// For the same reason line breaks and tabs between tokens are removed, which changes no value and
/// keeps a record on one line of NDJSON.
///
/// `==` compares text; [`same_content`](Self::same_content) compares the JSON values.
#[derive(Clone)]
pub struct Metadata(Box<RawValue>);

impl Metadata {
    /// The empty object, the default of the column.
    pub const EMPTY_TEXT: &str = "{}";

    /// The metadata of any value that serializes to a JSON object: a struct, a map, or `serde_json::json!({…})`.
    ///
    /// ```
    /// use auditrail_core::Metadata;
    /// use serde_json::json;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Change<'a> {
    ///     plan: &'a str,
    ///     seats: u32,
    /// }
    ///
    /// let metadata = Metadata::of(&Change { plan: "pro", seats: 3 })?;
    /// assert_eq!(metadata.as_str(), r#"{"plan":"pro","seats":3}"#);
    /// assert_eq!(Metadata::of(&json!({"plan": "pro", "seats": 3}))?, metadata);
    /// assert_eq!(Metadata::try_from(json!({"plan": "pro", "seats": 3}))?, metadata);
    /// assert!(Metadata::of(&"no object").is_err());
    /// # Ok::<(), auditrail_core::ValueError>(())
    /// ```
    ///
    /// # Errors
    /// When it cannot be serialized, or as [`from_raw`](Self::from_raw).
    pub fn of(value: &impl Serialize) -> Result<Self, ValueError> {
        let raw = serde_json::value::to_raw_value(value).map_err(|_| ValueError::BadFormat {
            expected: "a value that serializes to a JSON object",
        })?;
        Self::from_raw(&raw)
    }

    /// Parses a JSON value whose syntax was checked already.
    ///
    /// # Errors
    /// When it is not an object, is too large or too deep, repeats a key, or contains something that jsonb
    /// cannot hold.
    pub fn from_raw(raw: &RawValue) -> Result<Self, ValueError> {
        scan::check(raw.get())?;
        Ok(Self(one_line(raw.to_owned())))
    }

    /// Wraps the value of the column, which may be any JSON.
    ///
    /// `None` for JSON `null`: a response cannot distinguish it from SQL NULL.
    #[must_use]
    pub fn from_stored(raw: Box<RawValue>) -> Option<Self> {
        (raw.get() != "null").then(|| Self(one_line(raw)))
    }

    /// Checks the rules of new records, which stored metadata may break.
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        scan::check(self.as_str())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Whether both are equal as jsonb.
    ///
    /// The order of keys does not matter, the last of repeated keys counts, and numbers are compared
    /// by value (`1e2` is `100`, `1.10` is `1.1`) at any precision. Stored metadata nested more than
    /// 128 levels deep is compared as text.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self == other || same::same_content(&self.0, &other.0)
    }
}

/// Removes line breaks and tabs; in valid JSON they occur only between tokens.
fn one_line(raw: Box<RawValue>) -> Box<RawValue> {
    const BREAKS: [char; 3] = ['\n', '\r', '\t'];
    if !raw.get().contains(BREAKS) {
        return raw;
    }
    let text = raw.get().replace(BREAKS, "");
    RawValue::from_string(text).unwrap_or(raw)
}

impl Default for Metadata {
    /// The empty object.
    fn default() -> Self {
        let empty = RawValue::from_string(Self::EMPTY_TEXT.to_owned());
        Self(empty.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl FromStr for Metadata {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|_| ValueError::BadFormat {
            expected: "a JSON object, such as {\"plan\":\"pro\"}",
        })?;
        Self::from_raw(raw)
    }
}

impl TryFrom<&str> for Metadata {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl TryFrom<serde_json::Value> for Metadata {
    type Error = ValueError;

    fn try_from(value: serde_json::Value) -> Result<Self, ValueError> {
        Self::of(&value)
    }
}

impl TryFrom<&serde_json::Value> for Metadata {
    type Error = ValueError;

    fn try_from(value: &serde_json::Value) -> Result<Self, ValueError> {
        Self::of(value)
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Metadata {}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
