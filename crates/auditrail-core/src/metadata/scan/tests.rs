use super::check;
use crate::error::{ErrorCode, ValueError};
use crate::limits::{METADATA_MAX_BYTES, METADATA_MAX_DEPTH};

fn code(text: &str) -> Option<ErrorCode> {
    check(text).err().map(|error| error.code())
}

fn nested(levels: usize) -> String {
    format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

#[test]
fn only_an_object_is_metadata() {
    for (text, found) in [("[]", "an array"), ("\"{}\"", "a string"), ("-1", "a number")] {
        assert_eq!(check(text), Err(ValueError::WrongType { expected: "an object", found }));
    }
    assert_eq!(code("{}"), None);
}

#[test]
fn depth_limit_ignores_brackets_in_strings() {
    assert_eq!(code(&nested(METADATA_MAX_DEPTH)), None);
    assert_eq!(code(&nested(METADATA_MAX_DEPTH + 1)), Some(ErrorCode::TooDeep));
    assert_eq!(code(&format!("{{\"a\":\"{}\"}}", "[".repeat(100))), None);
    assert_eq!(code(&format!("{{\"a\":[{}]}}", vec!["[]"; 100].join(","))), None);
}

#[test]
fn size_limit_is_exact() {
    let filled = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(filled(METADATA_MAX_BYTES).len(), METADATA_MAX_BYTES);
    assert_eq!(code(&filled(METADATA_MAX_BYTES)), None);
    assert_eq!(code(&filled(METADATA_MAX_BYTES + 1)), Some(ErrorCode::TooLarge));
}

#[test]
fn number_limit_counts_plain_digits() {
    for valid in ["1e100", "1e999", "1E+999", "-1e-999", "0.5e-3", "123.456e3", "0"] {
        assert_eq!(code(&format!("{{\"n\":{valid}}}")), None, "{valid}");
    }
    let beyond_i64 = "1e99999999999999999999";
    for far in ["1e1000", "1e-1000", "1e131072", "1e-20000", "12e999", "0e-5000", beyond_i64] {
        assert_eq!(code(&format!("{{\"n\":{far}}}")), Some(ErrorCode::NumberOutOfRange), "{far}");
    }
    assert_eq!(code(&format!("{{\"n\":{}}}", "9".repeat(1_000))), None);
    assert_eq!(
        code(&format!("{{\"n\":{}}}", "9".repeat(1_001))),
        Some(ErrorCode::NumberOutOfRange)
    );
}

#[test]
fn size_limit_counts_plain_digits() {
    let numbers = |n: usize| format!("{{\"n\":[{}]}}", vec!["1e999"; n].join(","));
    assert_eq!(code(&numbers(65)), None);
    assert_eq!(code(&numbers(66)), Some(ErrorCode::TooLarge));
}

#[test]
fn repeated_keys_are_rejected_in_every_object() {
    let at = |text: &str| match check(text) {
        Err(ValueError::RepeatedKey { at }) => Some(at),
        result => result.map(|()| None).unwrap(),
    };
    assert_eq!(at(r#"{"role":"admin","role":"user"}"#), Some(16));
    assert_eq!(at(r#"{"a":1, "b":{}, "a" : 1}"#), Some(16));
    assert_eq!(at(r#"{"a":[{"b":{"c":1,"c":null}}]}"#), Some(18));
    assert_eq!(at(r#"{"a":{"x":1},"b":2,"a":[]}"#), Some(19));
    assert_eq!(at(r#"{"a":1,"\u0061":2}"#), Some(7));
    assert_eq!(at(r#"{"\ud83d\ude00":1,"😀":2}"#), Some(18));
    assert_eq!(at(r#"{"":1,"":2}"#), Some(6));
    assert_eq!(code(r#"{"a":1,"a":1}"#), Some(ErrorCode::DuplicateField));
    let many: Vec<String> = (0..3_000).map(|n| format!("\"{n}\":{n}")).collect();
    assert_eq!(at(&format!("{{{}}}", many.join(","))), None);
    let repeated = at(&format!("{{{},\"7\":0}}", many.join(",")));
    assert!(repeated.is_some());
}

#[test]
fn equal_keys_of_different_objects_are_accepted() {
    for valid in [
        r#"{"a":{"a":{"a":1}}}"#,
        r#"{"a":[{"a":1},{"a":1}],"b":{"a":1}}"#,
        r#"{"a":"a","b":"a:","c":["a","a"]}"#,
        r#"{"a":1,"A":2,"a ":3,"\\u0061":4}"#,
        r#"{"é":1,"e\u0301":2}"#,
    ] {
        assert_eq!(code(valid), None, "{valid}");
    }
}

#[test]
fn unstorable_text_is_rejected_with_its_position() {
    assert_eq!(check(r#"{"a":"\u0000"}"#), Err(ValueError::NulEscape { at: 6 }));
    assert_eq!(check(r#"{"\u0000":1}"#), Err(ValueError::NulEscape { at: 2 }));
    for lone in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\uD83Dx", r"\ud83d\n", r"\udc00\ud800"] {
        let error = check(&format!("{{\"a\":\"{lone}\"}}"));
        assert_eq!(error, Err(ValueError::LoneSurrogate { at: 6 }), "{lone}");
    }
}

#[test]
fn similar_escapes_are_accepted() {
    for valid in [r"\\u0000", r"\\\\ud800", r"\n\t\u001f", r"\ud83d\ude00", r"\uFFFF", "\\\"", "é"]
    {
        assert_eq!(code(&format!("{{\"a\":\"{valid}\"}}")), None, "{valid}");
    }
}
