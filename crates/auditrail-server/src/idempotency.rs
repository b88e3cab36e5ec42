//! `Idempotency-Key`: a repeated request finds the record of the first.
//!
//! The key becomes the id of the record, so it holds for as long as the record does, and needs no
//! store of its own.

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

/// The key of a request, if it has one.
pub(crate) struct IdempotencyKey(Option<String>);

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let (value, more) = (values.next(), values.next());
        let Some(value) = value else {
            return Ok(Self(None));
        };
        let key = value.to_str().ok().filter(|_| more.is_none()).and_then(parse);
        let detail = "Idempotency-Key must occur once and have 1 to 255 printable ASCII characters, \
                      quoted or unquoted";
        key.map(|key| Self(Some(key))).ok_or_else(|| Problem::bad_header(detail))
    }
}

impl IdempotencyKey {
    /// Gives an input the id that the key stands for. An id of the caller's own says more and stays.
    ///
    /// The same key of another API key, of another tenant or at another place of a batch stands for
    /// another id.
    pub(crate) fn apply(&self, principal: &Principal, place: usize, input: &mut CreateInput) {
        let (None, Some(key)) = (input.id, &self.0) else {
            return;
        };
        let tenant = principal.tenant.as_ref().map_or("", TenantId::as_str);
        let place = (place as u64).to_be_bytes();
        let parts = [
            b"idempotency key",
            tenant.as_bytes(),
            principal.key_id.as_bytes(),
            key.as_bytes(),
            &place,
        ];
        input.id = Some(RecordId::derived(None, &parts));
    }
}

/// The key: a string in quotes (RFC 8941 §3.3.3), or the same without them.
fn parse(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted.chars().peekable())?,
        None => text.to_owned(),
    };
    let length = 1..=IDEMPOTENCY_KEY_MAX_CHARS;
    let printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (length.contains(&key.len()) && printable).then_some(key)
}

/// What stands before the closing quote, which must be the end.
fn unquoted(mut chars: Peekable<Chars<'_>>) -> Option<String> {
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
    fn a_key_means_the_same_with_and_without_quotes() {
        assert_eq!(parse("abc-1").as_deref(), Some("abc-1"));
        assert_eq!(parse("\"abc-1\"").as_deref(), Some("abc-1"));
        assert_eq!(parse(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        for text in ["", "\"\"", "\"a", "\"a\"b", r#""a\x""#, "\"a\\", "a\u{7f}", &long] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
