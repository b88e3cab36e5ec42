use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;

fn captured(headers: &[(HeaderName, &'static str)]) -> Option<CapturedBody> {
    let pairs = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    CapturedBody::of_response(&pairs.collect())
}

/// The document of a request with these headers and this body.
fn document(headers: &[(HeaderName, &'static str)], body: &[u8]) -> Option<Value> {
    let pairs = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    let mut captured = CapturedBody::of_request(&pairs.collect())?;
    // Byte by byte, as a caller may send it.
    for byte in body {
        captured.push(&std::slice::from_ref(byte));
    }
    captured.end();
    captured.document()
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
fn headers_do_not_hide_the_body_of_a_request() {
    let cases: [&[(HeaderName, &'static str)]; 9] = [
        &[],
        &[(CONTENT_TYPE, "text/plain")],
        &[(CONTENT_TYPE, "application/x-www-form-urlencoded")],
        &[(CONTENT_TYPE, "text/plain"), (CONTENT_TYPE, JSON)],
        &[(CONTENT_TYPE, "")],
        &[(CONTENT_TYPE, JSON), (CONTENT_ENCODING, "identity")],
        &[(CONTENT_TYPE, JSON), (CONTENT_ENCODING, "Identity, IDENTITY")],
        &[(CONTENT_TYPE, JSON), (CONTENT_ENCODING, "")],
        &[(CONTENT_ENCODING, "identity"), (CONTENT_ENCODING, "identity")],
    ];
    for headers in cases {
        assert_eq!(document(headers, b"{\"a\":1}"), Some(json!({"a": 1})), "{headers:?}");
    }
    assert_eq!(document(&[(CONTENT_TYPE, "application/grpc+json")], b"{}"), None);
    for coding in ["gzip", "identity, gzip", "br"] {
        assert_eq!(document(&[(CONTENT_ENCODING, coding)], b"{}"), None, "{coding}");
    }
}

#[test]
fn byte_order_mark_and_blanks_are_skipped() {
    assert_eq!(document(&[], b"\xef\xbb\xbf{\"a\":1}"), Some(json!({"a": 1})));
    assert_eq!(document(&[], b"\xef\xbb\xbf \r\n\t[1]\n"), Some(json!([1])));
    assert_eq!(document(&[], b"\xef\xbb{}"), None);
    assert_eq!(document(&[], b""), None);
}

#[test]
fn body_that_cannot_be_a_document_is_not_copied() {
    let mut form = CapturedBody::of_request(&HeaderMap::new()).unwrap_or_default();
    form.push(&&b"--boundary"[..]);
    assert!(!form.is_open() && form.bytes.capacity() == 0);
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
    announced.push(&&b"["[..]);
    assert!(announced.is_open() && announced.document().is_none());
    announced.push(&&b"]"[..]);
    assert!(!announced.is_open());
    assert_eq!(announced.document(), Some(json!([])));
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
