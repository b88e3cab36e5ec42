//! `Idempotency-Key`: a retry finds the record of the first request.
//!
//! The id of the record is derived from the key, so the key is valid for as long as the record exists, and
//! needs no storage of its own. It is derived from the API key too, the secret itself, so that no other caller can compute
//! the id, to take it or to find out whether it is used.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

use auditrail_core::{CreateInput, RecordId, TenantId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::access::Writer;
use crate::app::App;

use crate::limits::IDEMPOTENCY_KEY_MAX_CHARS;
use crate::problem::Problem;

const NAME: &str = "idempotency-key";

/// Records of an earlier version that are read at a time, so that they take little memory.
const LOOKED_UP: usize = 250;

/// The idempotency key of a request, if it has one.
pub(crate) struct IdempotencyKey(Option<String>);

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let is_single = values.next().is_none();
        let key = value.to_str().ok().filter(|_| is_single).and_then(parse);
        let detail = "Idempotency-Key must occur once and have 1 to 255 printable ASCII characters, \
                      quoted or unquoted";
        key.map(|key| Self(Some(key))).ok_or_else(|| Problem::bad_header(detail))
    }
}

impl IdempotencyKey {
    /// The ids that records without an id get.
    ///
    /// # Errors
    /// If the records of an earlier version cannot be read.
    pub(crate) async fn ids(
        &self,
        app: &App,
        writer: &Writer,
        inputs: impl IntoIterator<Item = (usize, &CreateInput)>,
    ) -> Result<DerivedIds, Problem> {
        let Some(key) = &self.0 else {
            return Ok(DerivedIds::default());
        };
        let without_id = inputs.into_iter().filter(|(_, input)| input.id.is_none());
        let indices: Vec<usize> = without_id.map(|(index, _)| index).collect();
        let mut ids: HashMap<usize, RecordId> =
            indices.iter().map(|index| (*index, derived(writer, key, *index))).collect();
        if app.is_recently_started() {
            ids.extend(of_earlier_version(app, writer, key, &indices).await?);
        }
        Ok(DerivedIds(ids))
    }
}

/// The ids of the records of a request, by their index in the batch.
#[derive(Debug, Default)]
pub(crate) struct DerivedIds(HashMap<usize, RecordId>);

impl DerivedIds {
    /// Sets the id of a record without one.
    pub(crate) fn apply(&self, index: usize, input: &mut CreateInput) {
        input.id = input.id.or_else(|| self.0.get(&index).copied());
    }
}

fn derived(writer: &Writer, key: &str, index: usize) -> RecordId {
    let index = (index as u64).to_be_bytes();
    let parts = [
        b"idempotency key of a secret",
        writer.token().as_bytes(),
        tenant(writer).as_bytes(),
        key.as_bytes(),
        &index,
    ];
    RecordId::derived(None, &parts)
}

fn tenant(writer: &Writer) -> &str {
    writer.principal().tenant.as_ref().map_or("", TenantId::as_str)
}

/// The ids of those records that an earlier version wrote for the same request, so that a retry after an
/// upgrade finds them. It derived them from the id of the API key, so a record of another writer is not taken
/// for one.
async fn of_earlier_version(
    app: &App,
    writer: &Writer,
    key: &str,
    indices: &[usize],
) -> Result<Vec<(usize, RecordId)>, Problem> {
    let key_id = &writer.principal().key_id;
    let id = |index: usize| {
        let index = (index as u64).to_be_bytes();
        let parts: [&[u8]; 5] = [
            b"idempotency key",
            tenant(writer).as_bytes(),
            key_id.as_bytes(),
            key.as_bytes(),
            &index,
        ];
        RecordId::derived(None, &parts)
    };
    let mut found = Vec::new();
    for indices in indices.chunks(LOOKED_UP) {
        let ids: Vec<RecordId> = indices.iter().map(|index| id(*index)).collect();
        let stored = app.log().get_many(&ids).await?;
        let own = writer.principal().write_origin().recorded_by;
        let is_own = |id: &RecordId| {
            stored
                .get(id)
                .is_some_and(|stored| stored.recorded_by.is_none() || stored.recorded_by == own)
        };
        found.extend(indices.iter().copied().zip(ids).filter(|(_, id)| is_own(id)));
    }
    Ok(found)
}

/// Parses a quoted string (RFC 8941 §3.3.3), or the same text without quotes.
fn parse(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted.chars().peekable())?,
        None => text.to_owned(),
    };
    let length = 1..=IDEMPOTENCY_KEY_MAX_CHARS;
    let is_printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (length.contains(&key.len()) && is_printable).then_some(key)
}

/// The text up to the closing quote, which must be the last character.
fn unquote(mut chars: Peekable<Chars<'_>>) -> Option<String> {
    let mut key = String::new();
    loop {
        match chars.next()? {
            '"' => return chars.peek().is_none().then_some(key),
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => key.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_optional() {
        assert_eq!(parse("abc-1").as_deref(), Some("abc-1"));
        assert_eq!(parse("\"abc-1\"").as_deref(), Some("abc-1"));
        assert_eq!(parse(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
    }

    #[test]
    fn malformed_keys_are_rejected() {
        let long = "x".repeat(256);
        for text in ["", "\"\"", "\"a", "\"a\"b", r#""a\x""#, "\"a\\", "a\u{7f}", &long] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
