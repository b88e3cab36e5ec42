//! Validation of inputs that were built from stored text, compared with parsing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use auditrail_core::{
    Action, Actor, ActorId, ActorName, CreateInput, InputError, Metadata, Record, RequestContext,
    RequestId, Target, TargetId, TargetName, TargetType, TenantId, UserAgent, limits,
};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::strategies::{good_input, now, stored_record, time};

/// The verdict of `from_json` on the serialized input.
fn parsed(input: &CreateInput) -> Result<(), Value> {
    match CreateInput::from_json(&serde_json::to_vec(input).unwrap(), now()) {
        Ok(_) => Ok(()),
        Err(InputError::Invalid(errors)) => Err(serde_json::to_value(errors).unwrap()),
        Err(error) => panic!("{error}: {input:?}"),
    }
}

fn validated(input: &CreateInput) -> Result<(), Value> {
    input.validate(now()).map_err(|errors| serde_json::to_value(errors).unwrap())
}

/// An input with the text of a stored record.
fn input_of(record: Record) -> CreateInput {
    let Record { id, actor, action, target, metadata, ip_address, user_agent, .. } = record;
    CreateInput {
        id: Some(id),
        metadata,
        context: RequestContext {
            ip_address: ip_address.map(|address| address.addr()),
            user_agent,
            request_id: record.request_id,
        },
        tenant_id: record.tenant_id,
        created_at: Some(record.created_at),
        outcome: record.outcome,
        actor_name: record.actor_name,
        target_name: record.target_name,
        ..CreateInput::new(actor, action, target)
    }
}

/// Texts at and beyond every limit, and with control characters.
fn edge_text() -> impl Strategy<Value = String> {
    let lengths = [
        0,
        limits::TARGET_TYPE_MAX_CHARS,
        limits::ACTION_MAX_CHARS,
        limits::TENANT_ID_MAX_CHARS,
        limits::ACTOR_ID_MAX_CHARS,
        limits::USER_AGENT_MAX_CHARS,
    ];
    let fill = prop::sample::select(vec!["a", ".", "é", "\u{1f600}", "\n", "\0", "\u{85}", "*"]);
    (prop::sample::select(lengths.to_vec()), 0..2_usize, fill, any::<bool>()).prop_map(
        |(length, more, fill, dotted)| {
            let text = fill.repeat(length + more);
            if dotted { format!("a.{text}") } else { text }
        },
    )
}

fn edge_metadata() -> impl Strategy<Value = Metadata> {
    let deep = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "1") + &"}".repeat(levels);
    let large = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let texts = [
        deep(32),
        deep(33),
        deep(200),
        large(limits::METADATA_MAX_BYTES),
        large(limits::METADATA_MAX_BYTES + 1),
        r#"{"a":"\u0000"}"#.to_owned(),
        r#"{"\ud800":1}"#.to_owned(),
        r#"{"a":1e999}"#.to_owned(),
        r#"{"a":1,"a":2,"b":{"c":[],"\u0063":0}}"#.to_owned(),
        r#"{"a":1e1001}"#.to_owned(),
        " {\n\"a\":1}".to_owned(),
        "[1]".to_owned(),
        "5".to_owned(),
    ];
    prop::sample::select(texts.to_vec())
        .prop_map(|text| Metadata::from_stored(RawValue::from_string(text).unwrap()).unwrap())
}

prop_compose! {
    /// A valid input in which one field has an edge value.
    fn edge_input()(
        input in good_input(),
        field in 0..11,
        text in edge_text(),
        metadata in edge_metadata(),
        time in time(),
    ) -> CreateInput {
        let mut input = input;
        match field {
            0 => input.actor = Actor::User(ActorId::from_stored(text)),
            1 => input.actor = Actor::ApiKey(ActorId::from_stored(text)),
            2 => input.action = Action::from_stored(text),
            3 => input.target.target_type = TargetType::from_stored(text),
            4 => input.target.target_id = TargetId::from_stored(text),
            5 => input.metadata = Some(metadata),
            6 => input.context.user_agent = Some(UserAgent::from_stored(text)),
            7 => input.context.request_id = Some(RequestId::from_stored(text)),
            8 => input.tenant_id = Some(TenantId::from_stored(text)),
            9 => {
                input.actor_name = Some(ActorName::from_stored(text.clone()));
                input.target_name = Some(TargetName::from_stored(text));
            }
            _ => input.created_at = Some(time),
        }
        input
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn validate_judges_as_from_json(
        input in prop_oneof![stored_record().prop_map(input_of), good_input(), edge_input()],
    ) {
        prop_assert_eq!(validated(&input), parsed(&input));
    }
}

/// An input with exactly the fields of a JSON text; `None` if it has values that no input can have.
fn built(text: &str) -> Option<CreateInput> {
    let fields: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    // Numbers as they are written.
    let raw: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let text = |name: &str| Some(fields.get(name)?.as_str()?.to_owned());
    let actor_id = ActorId::from_stored(text("actor_id")?);
    let actor = match text("actor_type")?.as_str() {
        "user" => Actor::User(actor_id),
        "api_key" => Actor::ApiKey(actor_id),
        "system" if actor_id.as_str() == "system" => Actor::System,
        _ => return None,
    };
    let target = Target::new(
        TargetType::from_stored(text("target_type")?),
        TargetId::from_stored(text("target_id")?),
    );
    let metadata = raw.get("metadata").and_then(|value| Metadata::from_stored((*value).to_owned()));
    let input = CreateInput {
        id: text("id").and_then(|id| id.parse().ok()),
        metadata,
        context: RequestContext {
            ip_address: text("ip_address").and_then(|address| address.parse::<IpAddr>().ok()),
            user_agent: text("user_agent").map(UserAgent::from_stored),
            request_id: text("request_id").map(RequestId::from_stored),
        },
        tenant_id: text("tenant_id").map(TenantId::from_stored),
        created_at: text("created_at").and_then(|time| time.parse().ok()),
        outcome: text("outcome").and_then(|outcome| outcome.parse().ok()),
        actor_name: text("actor_name").map(ActorName::from_stored),
        target_name: text("target_name").map(TargetName::from_stored),
        ..CreateInput::new(actor, Action::from_stored(text("action")?), target)
    };
    // A value of the wrong type or format is lost, and then the input has fewer fields.
    let given = fields.values().filter(|value| !value.is_null()).count();
    let kept = serde_json::to_value(&input).unwrap().as_object().unwrap().len();
    (given == kept).then_some(input)
}

#[test]
fn validate_agrees_with_the_record_vectors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/record-vectors.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let now = vectors["now"].as_str().unwrap().parse().unwrap();
    let (mut accepted, mut rejected) = (0, 0);
    for case in vectors["cases"].as_array().unwrap() {
        let text = case["input"].as_str().unwrap();
        if case["errors"].as_array().unwrap().is_empty() {
            let input = CreateInput::from_json(text.as_bytes(), now).unwrap();
            assert_eq!(input.validate(now), Ok(()), "{text}");
            accepted += 1;
        } else if let Some(input) = built(text) {
            let errors = input.validate(now).unwrap_err();
            let errors: Vec<Value> = errors
                .into_iter()
                .map(|error| serde_json::json!({"code": error.code, "pointer": error.pointer}))
                .collect();
            assert_eq!(case["errors"], Value::from(errors), "{text}");
            rejected += 1;
        }
    }
    assert!(accepted > 80 && rejected > 60, "{accepted} {rejected}");
}
