//! Parses the request to create a key.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{ApiKeyEnv, NewApiKey, Scope, ScopeSet};
use crate::error::{ErrorCode, FieldError, InputError, ValueError};
use crate::metadata::type_name;
use crate::object_reader::{self, ObjectReader};
use crate::time::RecordTime;

/// The names of the fields.
const FIELDS: [&str; 5] = ["name", "scopes", "tenant_id", "environment", "expires_at"];

/// Most bytes in the list of scopes as JSON; room for every scope many times.
const SCOPES_MAX_BYTES: usize = 1_024;

impl NewApiKey {
    /// Parses one untrusted JSON object: `scopes`, a list of strings that is required, and the
    /// strings `name`, `tenant_id`, `environment` and `expires_at` (RFC 3339, after `now`).
    ///
    /// `null` means absent, for every field. Repeated and unknown fields are rejected.
    ///
    /// # Errors
    /// [`InputError::NotJson`] with the position, or [`InputError::Invalid`] with every invalid field.
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

/// Parses a list of scopes; every invalid one is reported with its index.
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
    let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    let mut scopes = Vec::new();
    for (index, raw) in items.iter().enumerate() {
        match object_reader::string(raw).and_then(|text| text.parse::<Scope>()) {
            Ok(scope) => scopes.push(scope),
            Err(error) => reader.report(FieldError::new(format!("/scopes/{index}"), &error)),
        }
    }
    if scopes.is_empty() && !items.is_empty() {
        // Each item was reported.
        return None;
    }
    reader.keep("scopes", ScopeSet::new(scopes))
}

fn in_future(text: &str, now: Timestamp) -> Result<RecordTime, ValueError> {
    let time: RecordTime = text.parse()?;
    if time.timestamp() > now {
        Ok(time)
    } else {
        Err(ValueError::OutOfRange { range: "in the future" })
    }
}
