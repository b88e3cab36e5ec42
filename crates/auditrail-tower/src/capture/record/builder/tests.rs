use std::sync::Arc;

use serde_json::json;

use auditrail_core::limits::{METADATA_MAX_BYTES, USER_AGENT_MAX_CHARS};
use auditrail_core::{Actor, ActorId};

use super::*;
use http::HeaderValue;

use crate::capture::record::body_capture::CapturedBody;
use crate::capture::record::caller::Caller;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const POLICY: &str = r#"
version = 1
[[rule]]
route = "/{id}"
level = "request_response"
action = "a.b"
target_type = "t"
target_id = { path = "id" }
allow = ["/text", "/list"]
"#;

/// The sizes of the parts in bytes.
#[derive(Clone, Copy)]
struct Sizes {
    request: usize,
    response: usize,
    extra: usize,
    before: usize,
}

fn made(sizes: Sizes) -> Result<(CreateInput, Value), Box<dyn std::error::Error>> {
    let text = |length: usize| json!({"text": "x".repeat(length)});
    let handle = handle()?;
    handle.add_metadata("text", "x".repeat(sizes.extra));
    handle.diff(&"x".repeat(sizes.before), &"y");
    let input = build(handle, &text(sizes.request), text(sizes.response))?;
    let metadata = serde_json::from_str(input.metadata_text())?;
    Ok((input, metadata))
}

fn handle() -> Result<AuditHandle, Box<dyn std::error::Error>> {
    let policy = Arc::new(Policy::parse(POLICY, "p")?);
    let caller = Caller {
        method: Method::POST,
        principal: Principal::new(Actor::User(ActorId::from_stored("u\n".repeat(600)))),
        address: Some([127, 0, 0, 1].into()),
        user_agent: HeaderValue::try_from("x".repeat(2_000)).ok(),
        rule: None,
        rule_tenant: None,
    };
    Ok(AuditHandle::new(HeaderValue::from_static("r-1"), policy, caller))
}

fn build(
    handle: AuditHandle,
    request: &Value,
    response: Value,
) -> Result<CreateInput, Box<dyn std::error::Error>> {
    let policy = Policy::parse(POLICY, "p")?;
    let headers = [(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let capture = BodyCapture::of(&headers.into_iter().collect());
    if let Some(capture) = &capture {
        capture.lock().push(&request.to_string().as_bytes());
        CapturedBody::end(&mut capture.lock());
    }
    let facts = RequestFacts {
        method: Method::POST,
        candidates: policy.candidates("POST", "/a%00b"),
        headers: Vec::new(),
        handle,
        body: capture,
        route_label: None,
    };
    let end = End {
        outcome: super::Outcome::Success,
        status: Some(200),
        grpc_code: None,
        duration_ms: 1.5,
    };
    let candidate = facts.candidates.iter().next().ok_or("no rule")?;
    let builder = RecordBuilder {
        others: Vec::new(),
        policy: &policy,
        facts: &facts,
        candidate,
        end: Some(end),
        intent_id: None,
        response: Some(response),
    };
    Ok(builder.build().ok_or("no record")?.input)
}

#[test]
fn oversized_parts_are_dropped_in_order_and_named() -> Outcome {
    let cases = [
        ((30_000, 30_000, 1, 1), vec![]),
        ((40_000, 40_000, 1, 1), vec!["response"]),
        ((60_000, 60_000, 60_000, 1), vec!["response", "request"]),
        ((60_000, 1, 66_000, 1), vec!["response", "request", "extra"]),
        ((1, 1, 1, 66_000), vec!["response", "request", "extra", "before"]),
    ];
    for ((request, response, extra, before), truncated) in cases {
        let (input, metadata) = made(Sizes { request, response, extra, before })?;
        assert!(input.metadata_text().len() <= METADATA_MAX_BYTES);
        let expected = if truncated.is_empty() { Value::Null } else { json!(truncated) };
        assert_eq!(metadata["truncated"], expected);
        for name in ["response", "request", "extra", "before"] {
            assert_eq!(metadata.get(name).is_none(), truncated.contains(&name), "{name}");
        }
        assert_eq!(metadata["outcome"], "success");
    }
    Ok(())
}

#[test]
fn size_limit_applies_to_expanded_numbers() -> Outcome {
    // Few bytes as text, and twenty digits each where they are stored.
    let numbers = json!({"list": vec![1e20; 9_000]});
    let input = build(handle()?, &numbers.clone(), numbers)?;
    let metadata: Value = serde_json::from_str(input.metadata_text())?;
    assert_eq!(metadata["truncated"], json!(["response", "request"]));
    Ok(())
}

#[test]
fn columns_are_truncated_and_cleaned() -> Outcome {
    let (input, _) = made(Sizes { request: 1, response: 1, extra: 1, before: 1 })?;
    assert_eq!(input.actor.id().chars().count(), ACTOR_ID_MAX_CHARS);
    assert!(input.actor.id().starts_with("u\u{fffd}u"));
    assert_eq!(input.target.target_id.as_str(), "a\u{fffd}b");
    let agent = input.context.user_agent.as_ref().map(|agent| agent.as_str().len());
    assert_eq!(agent, Some(USER_AGENT_MAX_CHARS));
    let json = serde_json::to_vec(&input)?;
    let parsed = CreateInput::from_json(&json, "2026-01-01T00:00:00Z".parse()?)?;
    assert_eq!(parsed, input);
    Ok(())
}
