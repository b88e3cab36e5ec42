use serde_json::json;

use super::*;

#[test]
fn no_flaw_that_others_do_not_mind_hides_a_body() {
    let cases: [(&[u8], Value); 8] = [
        (br#"{"id":"a","x":"\ud800"}"#, json!({"id": "a", "x": "\u{fffd}"})),
        (
            br#"{"id":"a","x":"\ud83d\ude00\udc00\\ud800"}"#,
            json!({"id": "a", "x": "😀\u{fffd}\\ud800"}),
        ),
        (
            br#"{"id":"a","x":1e999,"y":-1E+400,"z":[2.5]}"#,
            json!({"id": "a", "x": null, "y": null, "z": [2.5]}),
        ),
        (b"{\"id\":\"a\",\"x\":\"\xff\xc3\"}", json!({"id": "a", "x": "\u{fffd}\u{fffd}"})),
        (b"{\"id\":\"a\",\"id\":\"b\"}", json!({"id": "b"})),
        (
            br#"{"x":"\udc00\ud800\ud83d\ude00\n","id":"a"}"#,
            json!({"id": "a", "x": "\u{fffd}\u{fffd}😀\n"}),
        ),
        ("{\"ä\":\"ö\\ud800\",\"id\":\"a\"}".as_bytes(), json!({"id": "a", "ä": "ö\u{fffd}"})),
        (b" [1, -0.5, 1e2]\n", json!([1, -0.5, 100.0])),
    ];
    for (bytes, expected) in cases {
        assert_eq!(parse(bytes), Some(expected), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn nesting_neither_hides_a_body_nor_takes_the_stack() {
    let deep = "[".repeat(30_000) + "\"]}\"" + &"]".repeat(30_000);
    let body = format!("{{\"x\":{deep},\"id\":\"a\"}}");
    let parsed = parse(body.as_bytes()).unwrap_or_default();
    assert_eq!(parsed["id"], "a");
    let mut inner = &parsed["x"];
    for _ in 0..DEPTH_MAX - 1 {
        inner = &inner[0];
    }
    assert_eq!(inner, "[too deep]");
}

#[test]
fn what_is_no_json_is_absent() {
    let broken: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"a\":}",
        b"{\"a\":1}}",
        b"nul",
        b"\"\\u12\"",
        b"[1,]",
        b"{\"a\" 1}",
        b"\"\\",
    ];
    for bytes in broken {
        assert_eq!(parse(bytes), None, "{}", String::from_utf8_lossy(bytes));
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_upset_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
        drop(parse(&bytes));
    }

    #[test]
    fn mending_changes_nothing_that_is_right(
        text in ".{0,20}", number in proptest::prelude::any::<f64>(), depth in 0..90_usize,
    ) {
        let number = if number.is_finite() { number } else { 0.5 };
        let value = (0..depth).fold(json!({"t": text, "n": number}), |inner, _| json!([inner]));
        let written = value.to_string();
        proptest::prop_assert_eq!(sanitized(&written), written);
    }

    #[test]
    fn near_json_does_not_upset_it(text in "[\\[\\]{}\",:0-9eE+.\\-\\\\ud8af]{0,60}") {
        drop(parse(text.as_bytes()));
    }
}
