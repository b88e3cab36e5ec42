//! Validation errors of a record.

use auditrail_core::{CreateInput, ErrorCode, InputError, limits};
use serde_json::{Value, json};

use crate::strategies::{full_json, now};

fn refused(json: &str) -> Value {
    match CreateInput::from_json(json.as_bytes(), now()) {
        Err(InputError::Invalid(errors)) => serde_json::to_value(errors).unwrap(),
        other => panic!("expected validation errors, got {other:?}"),
    }
}

fn not_json(bytes: &[u8]) -> (usize, usize, String) {
    match CreateInput::from_json(bytes, now()) {
        Err(InputError::NotJson { line, column, detail }) => (line, column, detail),
        other => panic!("expected no JSON, got {other:?}"),
    }
}

/// The only error of a full record in which one field was replaced.
fn problem(name: &str, value: Value) -> (String, String) {
    let mut json = full_json();
    json[name] = value;
    let errors = refused(&json.to_string());
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    let text = |key: &str| errors[0][key].as_str().unwrap().to_owned();
    (text("pointer"), text("code"))
}

#[test]
fn all_invalid_fields_are_reported_at_once() {
    let record = json!({
        "id": "seven",
        "actor_id": "cron",
        "actor_type": "system",
        "action": "created",
        "target_type": "x".repeat(51),
        "target_id": "",
        "metadata": [1],
        "ip_address": "example.com",
        "user_agent": "a\u{0}b",
        "created_at": "2026-01-02T03:09:05.000001Z",
        "tenant_id": 5,
        "colour": "red",
    });
    assert_eq!(
        refused(&record.to_string()),
        json!([
            {"pointer": "/id", "code": "bad_format",
             "detail": "must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057"},
            {"pointer": "/actor_id", "code": "system_actor_id",
             "detail": "must be \"system\" when the actor type is system"},
            {"pointer": "/action", "code": "bad_format",
             "detail": "must be resource.verb, such as project.created"},
            {"pointer": "/target_type", "code": "too_long",
             "detail": "has 51 characters, at most 50 are allowed"},
            {"pointer": "/target_id", "code": "empty", "detail": "must not be empty"},
            {"pointer": "/metadata", "code": "wrong_type",
             "detail": "must be an object, not an array"},
            {"pointer": "/ip_address", "code": "bad_format",
             "detail": "must be an IPv4 or IPv6 address without mask or port, such as 203.0.113.7"},
            {"pointer": "/user_agent", "code": "control_character",
             "detail": "holds the control character U+0000 at character 2"},
            {"pointer": "/created_at", "code": "in_future",
             "detail": "is more than 300 seconds in the future"},
            {"pointer": "/tenant_id", "code": "wrong_type",
             "detail": "must be a string, not a number"},
            {"pointer": "/colour", "code": "unknown_field",
             "detail": "is not a field of a record; other facts belong into metadata"},
        ])
    );
}

#[test]
fn empty_object_lacks_the_required_fields() {
    let lack = |name: &str| json!({"pointer": name, "code": "required", "detail": "is required"});
    let names = ["/actor_id", "/actor_type", "/action", "/target_type", "/target_id"];
    assert_eq!(refused("{}"), Value::from(names.map(lack).to_vec()));
    let nulls =
        r#"{"actor_id":null,"actor_type":null,"action":null,"target_type":null,"target_id":null}"#;
    assert_eq!(refused(nulls), refused("{}"));
}

#[test]
fn each_field_has_its_own_error() {
    let deep = serde_json::from_str(&format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32)));
    let cases = [
        ("actor_type", json!("robot"), "unknown_value"),
        ("actor_type", json!({"a": 1}), "wrong_type"),
        ("metadata", deep.unwrap(), "too_deep"),
        ("metadata", json!({"a": "x".repeat(limits::METADATA_MAX_BYTES)}), "too_large"),
        ("metadata", json!({"a": "\u{0}"}), "unstorable_text"),
        ("metadata", json!("{}"), "wrong_type"),
        ("created_at", json!("+300000-01-01T00:00:00Z"), "out_of_range"),
        ("created_at", json!("300000-01-01T00:00:00Z"), "out_of_range"),
        ("created_at", json!("0000-12-31T23:59:59Z"), "out_of_range"),
        ("created_at", json!("9999-12-31T00:00:00Z"), "bad_format"),
        ("created_at", json!("9999-12-30T00:00:00Z"), "in_future"),
        ("created_at", json!("2025-02-29T00:00:00Z"), "bad_format"),
        ("created_at", json!("2025-01-01"), "bad_format"),
        ("created_at", json!(1_700_000_000), "wrong_type"),
        ("ip_address", json!("10.0.0.1/8"), "bad_format"),
        ("request_id", json!("r".repeat(201)), "too_long"),
        ("user_agent", json!(true), "wrong_type"),
    ];
    for (name, value, code) in cases {
        assert_eq!(problem(name, value.clone()), (format!("/{name}"), code.to_owned()), "{value}");
    }
}

#[test]
fn numbers_that_jsonb_would_expand_are_rejected() {
    let base = full_json().to_string();
    let with = |number: &str| base.replace(r#"{"plan":"pro"}"#, &format!("{{\"n\":{number}}}"));
    for number in ["1e131072", "1e-20000", "1E1000"] {
        assert_eq!(refused(&with(number))[0]["code"], "number_out_of_range", "{number}");
    }
    let input = CreateInput::from_json(with("1E400").as_bytes(), now()).unwrap();
    assert_eq!(input.metadata_text(), r#"{"n":1E400}"#);
}

#[test]
fn lone_surrogates_are_rejected() {
    let json = full_json().to_string().replace("\"u1\"", r#""\ud800""#);
    assert_eq!(refused(&json)[0]["pointer"], "/actor_id");
    assert_eq!(refused(&json)[0]["code"], "unstorable_text");
}

#[test]
fn repeated_fields_are_rejected_even_if_null_or_equal() {
    for again in [r#""actor_id":"u1""#, r#""actor_id":null"#, r#""actor\u005fid":"u1""#] {
        let json = full_json().to_string().replacen('{', &format!("{{{again},"), 1);
        let errors = refused(&json);
        let is_reported = errors
            .as_array()
            .unwrap()
            .iter()
            .any(|error| error["pointer"] == "/actor_id" && error["code"] == "duplicate_field");
        assert!(is_reported, "{errors}");
    }
}

#[test]
fn pointers_escape_and_truncate_unknown_names() {
    let mut json = full_json();
    json["a/b~c"] = json!(1);
    json["x".repeat(5_000)] = json!(1);
    let errors = refused(&json.to_string());
    assert_eq!(errors[0]["pointer"], "/a~1b~0c");
    assert_eq!(errors[1]["pointer"], format!("/{}…", "x".repeat(100)));
}

#[test]
fn hostile_body_gets_a_short_error() {
    let members: Vec<String> = (0..10_000).map(|n| format!("\"f{n}\":1")).collect();
    let errors = refused(&format!("{{{}}}", members.join(",")));
    assert_eq!(errors.as_array().unwrap().len(), limits::REPORTED_ERRORS_MAX);
    assert_eq!(errors[0]["code"], "required");
    let repeated = refused(&format!("{{{}}}", vec!["\"id\":null"; 10_000].join(",")));
    assert_eq!(repeated.as_array().unwrap().len(), limits::REPORTED_ERRORS_MAX);
}

#[test]
fn other_json_types_are_rejected_as_a_whole() {
    for (json, found) in [("[]", "an array"), ("null", "null"), ("1", "a number")] {
        let detail = format!("must be an object, not {found}");
        let expected = json!([{"pointer": "", "code": "wrong_type", "detail": detail}]);
        assert_eq!(refused(json), expected);
    }
}

#[test]
fn invalid_json_is_reported_with_its_position() {
    assert_eq!(not_json(b""), (1, 0, "EOF while parsing a value".to_owned()));
    assert_eq!(not_json(b"{\n  \"id\": x}").0, 2);
    assert_eq!(not_json(b"{} {}"), (1, 4, "trailing characters".to_owned()));
    let utf8 = "the text is not valid UTF-8 at byte 9";
    assert_eq!(not_json(b"{\"id\":\n\"a\xff\"}"), (2, 3, utf8.to_owned()));
    let control = "control character (\\u0000-\\u001F) found while parsing a string";
    assert_eq!(not_json(b"{\"a\":\"\0\"}"), (1, 6, control.to_owned()));
}

#[test]
fn hostile_nesting_uses_no_stack() {
    let deep = "[".repeat(1_000_000);
    assert_eq!(not_json(deep.as_bytes()).0, 1);
    let deep = format!("{{\"metadata\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    assert_eq!(refused(&deep).as_array().unwrap().len(), 6);
}

#[test]
fn codes_display_as_they_serialize() {
    for code in [ErrorCode::Required, ErrorCode::SystemActorId, ErrorCode::NumberOutOfRange] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn errors_are_sentences() {
    let error = CreateInput::from_json(br#"{"actor_id":"u1","x":1}"#, now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/actor_type: is required; /action: is required; /target_type: is required; \
         /target_id: is required; /x: is not a field of a record; other facts belong into metadata"
    );
}
