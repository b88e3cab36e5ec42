use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;

fn captured(headers: &[(HeaderName, &'static str)]) -> Option<CapturedBody> {
    let pairs = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    CapturedBody::of(&pairs.collect())
}

const JSON: &str = "application/json";

#[test]
fn only_small_plain_json_is_captured() {
    let kinds = [
        (JSON, true),
        ("Application/JSON; charset=utf-8", true),
        ("application/json ;x", true),
        ("application/merge-patch+json", true),
        ("application/problem+JSON;x", true),
        ("application/+json", false),
        ("application/jsonp", false),
        ("text/json", false),
        ("text/plain", false),
        ("", false),
    ];
    for (kind, is_captured) in kinds {
        assert_eq!(captured(&[(CONTENT_TYPE, kind)]).is_some(), is_captured, "{kind}");
    }
    assert!(captured(&[]).is_none());
    assert!(captured(&[(CONTENT_TYPE, JSON), (CONTENT_LENGTH, "65536")]).is_some());
    assert!(captured(&[(CONTENT_TYPE, JSON), (CONTENT_LENGTH, "65537")]).is_none());
    assert!(captured(&[(CONTENT_TYPE, JSON), (CONTENT_ENCODING, "gzip")]).is_none());
}

#[test]
fn only_complete_documents_are_parsed() {
    let mut body = captured(&[(CONTENT_TYPE, JSON)]).unwrap_or_default();
    body.push(&&b"{\"a\""[..]);
    body.push(&(&b":"[..]).chain(&b"1}"[..]));
    assert_eq!(body.document(), None);
    body.end();
    assert_eq!(body.document(), Some(json!({"a": 1})));

    let mut announced =
        captured(&[(CONTENT_TYPE, JSON), (CONTENT_LENGTH, "2")]).unwrap_or_default();
    announced.push(&&b"4"[..]);
    assert!(announced.is_open() && announced.document().is_none());
    announced.push(&&b"2"[..]);
    assert!(!announced.is_open());
    assert_eq!(announced.document(), Some(json!(42)));
}

#[test]
fn bodies_over_the_limit_are_discarded() {
    let mut body = captured(&[(CONTENT_TYPE, JSON)]).unwrap_or_default();
    let spaces = vec![b' '; BODY_MAX_BYTES];
    body.push(&&spaces[..]);
    assert_eq!(body.bytes.len(), BODY_MAX_BYTES);
    body.push(&&b"1"[..]);
    body.end();
    assert!(body.bytes.is_empty() && body.bytes.capacity() == 0);
    assert_eq!(body.document(), None);
}
