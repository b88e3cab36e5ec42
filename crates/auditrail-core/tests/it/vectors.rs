//! `docs/record-vectors.json`: inputs with their errors, for every implementation of the rules.
//!
//! The errors are those of [`CreateInput::from_json`]; the clients and the SQL function are tested with the
//! same file. Update it with `AUDITRAIL_BLESS=1`.

use std::path::Path;

use auditrail_core::{CreateInput, InputError, limits};
use serde_json::{Value, json};

use crate::strategies::now;

/// A valid record with the required fields.
fn base() -> Value {
    json!({"actor_type": "user", "actor_id": "u1", "action": "project.created",
           "target_type": "project", "target_id": "p1"})
}

fn with(fields: &Value) -> Value {
    let mut record = base();
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

/// Values of text fields, with the field and its limit.
fn texts() -> Vec<Value> {
    let fields = [
        ("actor_id", limits::ACTOR_ID_MAX_CHARS),
        ("target_type", limits::TARGET_TYPE_MAX_CHARS),
        ("target_id", limits::TARGET_ID_MAX_CHARS),
        ("user_agent", limits::USER_AGENT_MAX_CHARS),
        ("tenant_id", limits::TENANT_ID_MAX_CHARS),
        ("request_id", limits::REQUEST_ID_MAX_CHARS),
        ("actor_name", limits::ACTOR_NAME_MAX_CHARS),
        ("target_name", limits::TARGET_NAME_MAX_CHARS),
    ];
    let mut cases = Vec::new();
    for (name, max) in fields {
        let values = [
            json!(""),
            json!(" "),
            json!("é".repeat(max)),
            json!("\u{1f600}".repeat(max)),
            json!("\u{1f600}".repeat(max + 1)),
            json!("a".repeat(max + 1)),
            json!("a\u{0}b"),
            json!("a\nb"),
            json!("a\u{7f}"),
            json!("a\u{85}"),
            json!("\u{200b}\u{202e}"),
            json!(5),
            json!(true),
            json!(["a"]),
            json!({"a": 1}),
            json!(null),
        ];
        cases.extend(values.map(|value| with(&json!({name: value}))));
    }
    cases
}

fn actions_and_actors() -> Vec<Value> {
    let actions = [
        "created",
        ".created",
        "project.",
        "project.*",
        "a.b",
        "a.b.c",
        "a..b",
        "*.b",
        "a.*b",
        "a.**",
        ".",
        "..",
        "...",
        "iam.CreateUser",
        "a. ",
        " .b",
        "é.ü",
        "a.b\n",
    ];
    let mut cases: Vec<_> = actions.map(|action| with(&json!({"action": action}))).into();
    cases.push(with(&json!({"action": format!("a.{}", "b".repeat(98))})));
    cases.push(with(&json!({"action": format!("a.{}", "b".repeat(99))})));
    cases.extend(
        ["User", "service", "", "api_key", "system"].map(|kind| with(&json!({"actor_type": kind}))),
    );
    cases.push(with(&json!({"actor_type": "system", "actor_id": "system"})));
    cases.push(with(&json!({"actor_type": "system", "actor_id": ""})));
    cases.extend(
        ["done", "SUCCESS", "success", "failure", "denied", "unknown"]
            .map(|o| with(&json!({"outcome": o}))),
    );
    cases.extend([json!("key:1"), json!(5), json!(null)].map(|w| with(&json!({"recorded_by": w}))));
    cases
}

fn ids_addresses_and_times() -> Vec<Value> {
    let ids = [
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "01890A5DAC96774BBCCEB302099A8057",
        "",
        "seven",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5dac96-774b-bcce-b302099a8057",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
    ];
    let addresses = [
        "203.0.113.7",
        "2001:db8::1",
        "::ffff:203.0.113.7",
        "::",
        "203.0.113.7/32",
        "203.0.113",
        "203.0.113.256",
        "203.0.113.07",
        "fe80::1%eth0",
        "[2001:db8::1]",
        "203.0.113.7:80",
        "",
        "unknown",
        "1::2::3",
        "2001:db8:0:0:0:0:0:0:1",
        "::ffff:1.2.3",
        "0x7f.0.0.1",
        " 203.0.113.7",
    ];
    let times = [
        "2026-01-02T03:04:05Z",
        "2026-01-02t03:04:05z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05+01:00",
        "2026-01-02T03:04:05-00:00",
        "2026-01-02T03:04:05.123456789Z",
        "2026-01-02T03:04:05.1234567890Z",
        "2026-01-02T03:04:05",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05+0100",
        "2026-02-30T00:00:00Z",
        "2024-02-29T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-02T03:04:61Z",
        "",
        "2026-01-02T03:09:05Z",
        "2026-01-02T03:09:05.000001Z",
        "2026-01-02T03:09:06Z",
        "9999-12-31T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "now",
        "infinity",
        "1767323045",
    ];
    let mut cases: Vec<_> = ids.map(|id| with(&json!({"id": id}))).into();
    cases.extend(addresses.map(|address| with(&json!({"ip_address": address}))));
    cases.extend(times.map(|time| with(&json!({"created_at": time}))));
    cases.extend(
        [json!(5), json!({}), json!([]), json!(false)]
            .map(|v| with(&json!({"id": v, "ip_address": v, "created_at": v}))),
    );
    cases
}

fn metadata() -> Vec<Value> {
    let nested = |levels: usize| {
        (1..levels).fold(json!({}), |inner, level| {
            if level % 2 == 0 { json!({"a": inner}) } else { json!([inner]) }
        })
    };
    let mut cases: Vec<_> = [
        json!({}),
        json!([]),
        json!("x"),
        json!(5),
        json!(null),
        json!({"a": "\u{0}"}),
        json!({"\u{0}": 1}),
    ]
    .map(|metadata| with(&json!({"metadata": metadata})))
    .into();
    for levels in [31, 32] {
        cases.push(with(&json!({"metadata": {"a": nested(levels)}})));
    }
    let text = |bytes: usize| with(&json!({"metadata": {"a": "x".repeat(bytes - 8)}}));
    cases.extend([text(limits::METADATA_MAX_BYTES), text(limits::METADATA_MAX_BYTES + 1)]);
    cases
}

/// Texts that are not the serialization of a value.
fn raw() -> Vec<String> {
    let whole = base().to_string();
    let member = |text: &str| format!("{},{text}}}", &whole[..whole.len() - 1]);
    let numbers = [
        "1e400",
        "1e999",
        "1e1000",
        "-1e-999",
        "1e-1001",
        "0e99999999",
        "1E+5",
        "12345678901234567890123",
    ];
    let mut texts: Vec<String> =
        numbers.map(|n| member(&format!(r#""metadata":{{"n":{n}}}"#))).into();
    texts.extend([
        member(r#""metadata":{"a":"\ud800"}"#),
        member(r#""metadata":{"a":"\ud83d\ude00"}"#),
        member(r#""metadata":{"\udc00":1}"#),
        member(r#""tenant_id":"\ud800""#),
        member(r#""tenant_id":"\ud83d\ude00""#),
        member(r#""foo":1,"trace/id":2,"a~b":3"#),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "5".to_owned(),
        r#""text""#.to_owned(),
        format!("\u{feff}{whole}"),
        format!(" {whole} "),
    ]);
    texts
}

fn errors(text: &str) -> Value {
    match CreateInput::from_json(text.as_bytes(), now()) {
        Ok(_) => json!([]),
        Err(InputError::NotJson { .. }) => json!([{"pointer": "", "code": "not_json"}]),
        Err(InputError::Invalid(errors)) => errors
            .as_slice()
            .iter()
            .map(|error| json!({"pointer": error.pointer, "code": error.code}))
            .collect(),
    }
}

#[test]
fn record_vectors_are_current() {
    let values = [texts(), actions_and_actors(), ids_addresses_and_times(), metadata()].concat();
    let texts = values.iter().map(Value::to_string).chain(raw());
    let cases: Vec<Value> =
        texts.map(|text| json!({"errors": errors(&text), "input": text})).collect();
    let about = "Inputs of a write as JSON text, and every error that they have, in this order. An input without \
                 errors is accepted. `now` is the clock. Written by the tests of auditrail-core.";
    let document = json!({"about": about, "now": now().to_string(), "cases": cases});
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/record-vectors.json");
    if std::env::var_os("AUDITRAIL_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/record-vectors.json is outdated; run with AUDITRAIL_BLESS=1");
}
