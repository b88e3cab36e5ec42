//! `Idempotency-Key`: a retry finds the record of the first request.
//!
//! The id of the record is derived from the key, so the key is valid for as long as the record exists, and
//! needs no storage of its own.

use std::iter::Peekable;
use std::str::Chars;

use auditrail_core::{CreateInput, RecordId, TenantId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::auth::Principal;
use crate::limits::IDEMPOTENCY_KEY_MAX_CHARS;
use crate::problem::Problem;

const NAME: &str = "idempotency-key";

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
    /// Sets the id of a record without one to the id derived from the key.
    ///
    /// The id also depends on the API key, its tenant, and the index of the record in a batch.
    pub(crate) fn apply(&self, principal: &Principal, index: usize, input: &mut CreateInput) {
        let (None, Some(key)) = (input.id, &self.0) else {
            return;
        };
        let tenant = principal.tenant.as_ref().map_or("", TenantId::as_str);
        let index = (index as u64).to_be_bytes();
        let parts = [
            b"idempotency key",
            tenant.as_bytes(),
            principal.key_id.as_bytes(),
            key.as_bytes(),
            &index,
        ];
        input.id = Some(RecordId::derived(None, &parts));
    }
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
