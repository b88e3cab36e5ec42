//! Metadata: the scanner compared with a simple model, and equality of content.

use auditrail_core::{ErrorCode, Metadata, limits};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::strategies::json_value;

fn same(a: &str, b: &str) -> bool {
    let (a, b): (Metadata, Metadata) = (a.parse().unwrap(), b.parse().unwrap());
    assert_eq!(a.same_content(&b), b.same_content(&a));
    a.same_content(&b)
}

#[test]
fn text_is_kept_except_line_breaks_between_tokens() {
    let text = r#"{"b": 1.10,"a":"x\ny" , "c":1E2}"#;
    assert_eq!(text.parse::<Metadata>().unwrap().as_str(), text);
    let pretty = "{\r\n\t\"a\": [1,\n2],\n\t\"b\": \"\\n\"\n}";
    assert_eq!(pretty.parse::<Metadata>().unwrap().as_str(), r#"{"a": [1,2],"b": "\n"}"#);
    assert_eq!(Metadata::default().as_str(), "{}");
}

#[test]
fn other_json_types_and_invalid_json_are_rejected() {
    let code = |text: &str| text.parse::<Metadata>().err().map(|error| error.code());
    assert_eq!(code("{'a':1}"), Some(ErrorCode::BadFormat));
    assert_eq!(code("{} x"), Some(ErrorCode::BadFormat));
    assert_eq!(code("[]"), Some(ErrorCode::WrongType));
    assert_eq!(code("null"), Some(ErrorCode::WrongType));
    assert_eq!(code(" {} "), None);
}

#[test]
fn stored_metadata_may_be_any_json_and_null_is_none() {
    let stored =
        |text: &str| Metadata::from_stored(RawValue::from_string(text.to_owned()).unwrap());
    assert_eq!(stored("[1]").unwrap().as_str(), "[1]");
    assert_eq!(stored("\"x\"").unwrap().as_str(), "\"x\"");
    assert_eq!(stored("null"), None);
}

#[test]
fn content_is_compared_like_jsonb() {
    assert!(same(r#"{"a":1,"b":[true,null]}"#, r#" {"b" : [true , null], "a" : 1} "#));
    assert!(same(r#"{"a":"\u00e9\/\n"}"#, "{\"a\":\"é/\\u000a\"}"));
    assert!(!same(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#));
    assert!(!same(r#"{"a":null}"#, "{}"));
    assert!(!same(r#"{"a":"1"}"#, r#"{"a":1}"#));
    assert!(!same(r#"{"a":{"b":1}}"#, r#"{"a":{"c":1}}"#));
}

#[test]
fn numbers_are_compared_by_value_at_any_precision() {
    let equal = |a: &str, b: &str| same(&format!("{{\"n\":{a}}}"), &format!("{{\"n\":{b}}}"));
    for (a, b) in [("1e2", "100"), ("1.10", "1.1"), ("-0", "0"), ("0.0e5", "0"), ("12e-1", "1.2")] {
        assert!(equal(a, b), "{a} = {b}");
    }
    let big = "9".repeat(400);
    assert!(equal(&big, &format!("{big}.0")));
    for (a, b) in
        [("1", "-1"), ("1", "10"), ("0.1", "0.01"), ("9007199254740993", "9007199254740992")]
    {
        assert!(!equal(a, b), "{a} <> {b}");
    }
    assert!(!equal(&big, &format!("{}8", "9".repeat(399))));
}

#[test]
fn deep_stored_metadata_is_compared_as_text() {
    let deep = |space: &str| {
        let text = format!("{}{space}{}", "[".repeat(100_000), "]".repeat(100_000));
        Metadata::from_stored(RawValue::from_string(text).unwrap()).unwrap()
    };
    assert!(deep("").same_content(&deep("")));
    assert!(!deep("").same_content(&deep(" ")));
}

/// The nesting levels of a value, by recursion.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// The number without an exponent, by moving the point one position at a time.
fn written_out(whole: &str, fraction: &str, exponent: i32) -> usize {
    let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
    for _ in 0..exponent.max(0) {
        let moved = if fraction.is_empty() { '0' } else { fraction.remove(0) };
        whole.push(moved);
    }
    for _ in exponent.min(0)..0 {
        let moved = whole.pop().unwrap_or('0');
        fraction.insert(0, moved);
    }
    whole.len().max(1) + fraction.len()
}

/// Pieces of strings that are valid, incomplete, or invalid once joined.
fn escapes() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        r"\u0000",
        r"\u0001",
        r"\ud83d",
        r"\ude00",
        r"\uD83D\uDE00",
        r"\\",
        r"\n",
        "u0000",
        "d800",
        "x",
        "é",
        r#"\""#,
        "[",
        "}",
    ]);
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn scanner_agrees_with_a_simple_model(
        value in json_value(),
        wrapping in 0..40_usize,
        text in escapes(),
    ) {
        let inner = format!("{}{value}{}", "[".repeat(wrapping), "]".repeat(wrapping));
        let json = format!("{{\"v\":{inner},\"t\":\"{text}\"}}");
        let model: Result<Value, _> = serde_json::from_str(&json);
        let expected = match model {
            Ok(model) => depth(&model) <= limits::METADATA_MAX_DEPTH && !holds_nul(&model),
            Err(_) => false,
        };
        prop_assert_eq!(json.parse::<Metadata>().is_ok(), expected, "{}", json);
    }

    #[test]
    fn digits_are_counted_without_exponent(
        whole in "0|[1-9][0-9]{0,30}",
        fraction in "[0-9]{0,30}",
        exponent in -1_040..1_040_i32,
        negative in any::<bool>(),
    ) {
        let sign = if negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        let json = format!("{{\"n\":{sign}{whole}{point}{fraction}e{exponent}}}");
        let digits = written_out(&whole, &fraction, exponent) as u64;
        let expected = digits <= limits::METADATA_MAX_NUMBER_DIGITS;
        prop_assert_eq!(json.parse::<Metadata>().is_ok(), expected, "{} has {}", json, digits);
    }

    #[test]
    fn content_is_equal_in_any_notation(value in json_value()) {
        let stored = |text: String| Metadata::from_stored(RawValue::from_string(text).unwrap());
        let plain = stored(format!("[{value}]")).unwrap();
        let pretty = stored(format!("[{value:#}]")).unwrap();
        prop_assert!(plain.same_content(&pretty));
        let other = stored(format!("[{value},1]")).unwrap();
        prop_assert!(!plain.same_content(&other));
    }
}
