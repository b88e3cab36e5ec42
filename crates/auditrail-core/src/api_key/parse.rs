//! Reading what is asked of a new key.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{ApiKeyEnv, NewApiKey, Scope, ScopeSet};
use crate::error::{ErrorCode, FieldError, InputError, ValueError};
use crate::metadata::type_name;
use crate::object_reader::{self, ObjectReader};
use crate::time::RecordTime;

/// The names of the fields.
const FIELDS: [&str; 5] = ["name", "scopes", "tenant_id", "environment", "expires_at"];

/// Most bytes in the list of scopes as JSON: every scope many times over.
const SCOPES_MAX_BYTES: usize = 1_024;

impl NewApiKey {
    /// Parses one JSON object from a stranger: `scopes`, a list of strings that is required, and the
    /// strings `name`, `tenant_id`, `environment` and `expires_at` (RFC 3339, after `now`).
    ///
    /// `null` means left out, for every field. A field given twice and a field of no known name are
    /// refused.
    ///
    /// # Errors
    /// [`InputError::NotJson`] with the place, or [`InputError::Invalid`] with every wrong field.
    pub fn from_json(bytes: &[u8], now: Timestamp) -> Result<Self, InputError> {
        let text = object_reader::utf8(bytes)?;
        let mut reader = ObjectReader::of(text, &FIELDS, "is not a field of a key")?;
        let name = reader.optional("name", str::parse);
        reader.require("scopes");
        let scopes = reader.field("scopes").and_then(|raw| scopes(&mut reader, raw));
        let tenant_id = reader.optional("tenant_id", str::parse);
        let env = reader.optional("environment", str::parse::<ApiKeyEnv>).unwrap_or_default();
        let expires_at = reader.optional("expires_at", |text| in_future(text, now));
        let new = scopes.map(|scopes| Self { env, name, scopes, tenant_id, expires_at });
        reader.finish(new)
    }
}

/// A list of scopes; each that is wrong is reported at its place.
fn scopes<const N: usize>(reader: &mut ObjectReader<'_, N>, raw: &RawValue) -> Option<ScopeSet> {
    let text = raw.get();
    if !text.starts_with('[') {
        let error = ValueError::WrongType { expected: "an array", found: type_name(text) };
        return reader.keep("scopes", Err(error));
    }
    if text.len() > SCOPES_MAX_BYTES {
        let (code, detail) = (ErrorCode::TooMany, "lists more than there are".to_owned());
        reader.report(FieldError { pointer: "/scopes".to_owned(), code, detail });
        return None;
    }
    let listed: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    let mut scopes = Vec::new();
    for (place, raw) in listed.iter().enumerate() {
        match object_reader::string(raw).and_then(|text| text.parse::<Scope>()) {
            Ok(scope) => scopes.push(scope),
            Err(error) => reader.report(FieldError::new(format!("/scopes/{place}"), &error)),
        }
    }
    match (scopes.is_empty(), listed.is_empty()) {
        // What is wrong with each of them was reported.
        (true, false) => None,
        _ => reader.keep("scopes", ScopeSet::new(scopes)),
    }
}

fn in_future(text: &str, now: Timestamp) -> Result<RecordTime, ValueError> {
    let end: RecordTime = text.parse()?;
    match end.timestamp() > now {
        true => Ok(end),
        false => Err(ValueError::OutOfRange { range: "in the future" }),
    }
}
