//! Requests to create an API key.

use auditrail_core::{ApiKeyEnv, InputError, NewApiKey, Scope, ScopeSet};
use jiff::Timestamp;

fn parse(text: &str) -> Result<NewApiKey, InputError> {
    let now: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
    NewApiKey::from_json(text.as_bytes(), now)
}

/// Pointer and code of every error.
fn errors_of(text: &str) -> Vec<(String, String)> {
    match parse(text).unwrap_err() {
        InputError::Invalid(errors) => {
            errors.into_iter().map(|error| (error.pointer, error.code.to_string())).collect()
        }
        InputError::NotJson { .. } => panic!("{text} is JSON"),
    }
}

fn listed(errors: &[(&str, &str)]) -> Vec<(String, String)> {
    errors.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn every_field_is_parsed() {
    let new = parse(
        r#"{"name":"deploy","scopes":["read","write","read"],"tenant_id":"t1",
            "environment":"t3st","expires_at":"2026-03-08T13:00:01+01:00"}"#,
    );
    let expected = NewApiKey {
        env: "t3st".parse().unwrap(),
        name: Some("deploy".parse().unwrap()),
        scopes: ScopeSet::new([Scope::Write, Scope::Read]).unwrap(),
        tenant_id: Some("t1".parse().unwrap()),
        expires_at: Some("2026-03-08T12:00:01Z".parse().unwrap()),
    };
    assert_eq!(new.unwrap(), expected);
}

#[test]
fn only_scopes_are_required_and_null_means_absent() {
    let expected = NewApiKey {
        env: ApiKeyEnv::default(),
        name: None,
        scopes: Scope::Admin.into(),
        tenant_id: None,
        expires_at: None,
    };
    assert_eq!(parse(r#"{"scopes":["admin"]}"#).unwrap(), expected);
    let nulls = r#"{"name":null,"scopes":["admin"],"tenant_id":null,"environment":null,
                    "expires_at":null}"#;
    assert_eq!(parse(nulls).unwrap(), expected);
    for text in ["{}", r#"{"scopes":null}"#] {
        assert_eq!(errors_of(text), listed(&[("/scopes", "required")]), "{text}");
    }
}

#[test]
fn all_invalid_fields_are_reported_at_once() {
    let errors = errors_of(
        r#"{"tenant":"t1","name":"","scopes":["read","root",1,null],"tenant_id":7,
            "environment":"Live","expires_at":"2026-03-08T12:00:00Z","name":"x"}"#,
    );
    let expected = [
        ("/name", "empty"),
        ("/scopes/1", "unknown_value"),
        ("/scopes/2", "wrong_type"),
        ("/scopes/3", "wrong_type"),
        ("/tenant_id", "wrong_type"),
        ("/environment", "bad_format"),
        ("/expires_at", "out_of_range"),
        ("/tenant", "unknown_field"),
        ("/name", "duplicate_field"),
    ];
    assert_eq!(errors, listed(&expected));
}

#[test]
fn invalid_lists_of_scopes_are_rejected() {
    for (scopes, code) in [
        ("\"read\"".to_owned(), "wrong_type"),
        ("{}".to_owned(), "wrong_type"),
        ("[]".to_owned(), "empty"),
        (format!("[{}\"read\"]", "\"read\",".repeat(200)), "too_many"),
    ] {
        let text = format!("{{\"scopes\":{scopes}}}");
        assert_eq!(errors_of(&text), listed(&[("/scopes", code)]), "{text}");
    }
}

#[test]
fn invalid_json_is_rejected_with_its_position() {
    assert_eq!(errors_of("[]"), listed(&[("", "wrong_type")]));
    let error = parse("{\n\"scopes\": read}").unwrap_err();
    assert!(matches!(error, InputError::NotJson { line: 2, .. }), "{error}");
    let error = NewApiKey::from_json(b"{\"name\":\"\xff\"}", Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(matches!(error, InputError::NotJson { line: 1, column: 10, .. }), "{error}");
}
