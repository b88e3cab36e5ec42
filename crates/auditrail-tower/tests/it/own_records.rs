//! Records that a handler writes in its own transaction, from the input of the layer.

use std::sync::{Arc, Mutex};

use auditrail_core::{Actor, CreateInput, FailurePolicy, Outcome};
use auditrail_tower::{AuditHandle, AuditLayer, PeerAddr, Principal};
use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use http::StatusCode;
use serde_json::{Value, json};

use crate::sink::MemorySink;
use crate::support::{policy, request, send, text};

const POLICY: &str = r#"
redact = ["password"]
[[rule]]
name = "deleted"
methods = ["DELETE"]
route = "/{tenant}/projects/{id}"
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }
tenant_id = { path = "tenant" }
failure = "FAILURE"
"#;

/// What the handler does with its record, by the id in the path.
async fn handler(
    audit: AuditHandle,
    Path((_, id)): Path<(String, String)>,
    inputs: Inputs,
) -> (StatusCode, &'static str) {
    audit.set_target_name("Apollo");
    audit.add_metadata("reason", "asked");
    audit.add_metadata("password", "planted");
    let action = "project.deleted".parse().unwrap();
    let input = audit.input(action, format!("project:{id}").parse().unwrap());
    inputs.0.lock().unwrap().push(input.clone());
    let record = || {
        let time = "2026-01-02T03:04:05Z".parse().unwrap();
        input.clone().into_record(input.id.unwrap(), time)
    };
    match id.as_str() {
        "committed" => audit.committed(&record()),
        "failed-after" => {
            audit.committed(&record());
            return (StatusCode::INTERNAL_SERVER_ERROR, "a template is missing");
        }
        "other" => {
            let other = audit.input("project.x".parse().unwrap(), "project:y".parse().unwrap());
            let time = "2026-01-02T03:04:05Z".parse().unwrap();
            audit.committed(&other.clone().into_record(other.id.unwrap(), time));
        }
        "panics" => panic!("the handler failed"),
        _ => return (StatusCode::CONFLICT, "rolled back"),
    }
    (StatusCode::OK, "done")
}

#[derive(Clone, Default)]
struct Inputs(Arc<Mutex<Vec<CreateInput>>>);

impl<S: Sync> axum::extract::FromRequestParts<S> for Inputs {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

struct Sent {
    sink: MemorySink,
    audit: AuditLayer,
    input: CreateInput,
}

async fn delete(id: &str, failure: &str) -> Sent {
    let sink = MemorySink::new();
    let policy = policy(&POLICY.replace("FAILURE", failure));
    let audit = AuditLayer::new(policy, sink.clone()).unwrap().actor(|_| {
        let principal = Principal::new(Actor::user("ana").unwrap()).with_name("Ana");
        Some(principal.impersonated_by("root").with_credential("s-1").with_tenant("default"))
    });
    let app = Router::new()
        .route("/{tenant}/projects/{id}", any(handler))
        .fallback(any(handler))
        .layer(audit.clone());
    let inputs = Inputs::default();
    let mut asked = request("DELETE", &format!("/acme/projects/{id}"), &Value::Null);
    asked.extensions_mut().insert(inputs.clone());
    asked.extensions_mut().insert(PeerAddr("203.0.113.7:1".parse().unwrap()));
    asked.headers_mut().insert("user-agent", "curl/8".parse().unwrap());
    asked.headers_mut().insert("x-request-id", "r-7".parse().unwrap());
    if id == "panics" {
        let sent = tokio::spawn(async move { send(&app, asked).await });
        sent.await.unwrap_err();
    } else {
        text(send(&app, asked).await).await;
    }
    let input = inputs.0.lock().unwrap().first().cloned().unwrap();
    Sent { sink, audit, input }
}

#[tokio::test]
async fn input_has_all_that_the_layer_knows() {
    let Sent { input, .. } = delete("committed", "spool").await;
    assert_eq!(input.actor, Actor::user("ana").unwrap());
    assert_eq!(input.actor_name.unwrap().as_str(), "Ana");
    assert_eq!(input.target.to_string(), "project:committed");
    assert_eq!(input.target_name.unwrap().as_str(), "Apollo");
    assert_eq!(input.tenant_id.unwrap().as_str(), "acme", "by the rule");
    assert_eq!(input.context.ip_address.unwrap().to_string(), "203.0.113.7");
    assert_eq!(input.context.user_agent.unwrap().as_str(), "curl/8");
    assert_eq!(input.context.request_id.unwrap().as_str(), "r-7");
    assert_eq!(input.outcome, Some(Outcome::Success));
    let metadata: Value = serde_json::from_str(input.metadata.unwrap().as_str()).unwrap();
    let expected = json!({
        "http": {"method": "DELETE", "route": "/{tenant}/projects/{id}"},
        "outcome": "success", "rule": "deleted", "impersonator": "root",
        "credential_id": "s-1", "extra": {"reason": "asked"},
    });
    assert_eq!(metadata, expected);
}

#[tokio::test]
async fn committed_record_satisfies_the_rule() {
    for id in ["committed", "failed-after"] {
        for failure in ["best_effort", "spool"] {
            let Sent { sink, audit, .. } = delete(id, failure).await;
            assert!(sink.submissions().is_empty(), "{id} {failure}");
            assert_eq!((audit.counts().committed, audit.counts().recorded), (1, 0));
            assert_eq!(audit.policy().coverage().covered, 1);
        }
    }
}

#[tokio::test]
async fn uncommitted_record_is_written_by_the_layer_under_its_id() {
    for id in ["rolled-back", "panics", "other"] {
        let Sent { sink, audit, input } = delete(id, "spool").await;
        let record = sink.record().await;
        assert_eq!(record.input.id, input.id, "{id}");
        let outcome = if id == "other" { Outcome::Success } else { Outcome::Failure };
        assert_eq!(record.input.outcome, Some(outcome), "{id}");
        assert_eq!(audit.counts().committed, 0);
    }
}

#[tokio::test]
async fn committed_record_is_the_outcome_of_the_intent() {
    let Sent { sink, audit, input } = delete("committed", "must").await;
    let intent = sink.record().await;
    assert_eq!(intent.policy, Some(FailurePolicy::Must));
    assert_eq!(intent.meta("/phase"), "intent");
    let intent_id = intent.input.id.unwrap();
    assert_eq!(input.id, Some(intent_id.outcome_of_intent()));
    let metadata: Value = serde_json::from_str(input.metadata.unwrap().as_str()).unwrap();
    assert_eq!(metadata["phase"], "outcome");
    assert_eq!(metadata["intent_id"], intent_id.to_string());
    assert_eq!((audit.counts().committed, audit.counts().recorded), (1, 1));

    let Sent { sink, input, .. } = delete("rolled-back", "must").await;
    let [intent, outcome] = sink.records(2).await.try_into().unwrap();
    assert_eq!(outcome.input.id, intent.input.id.map(|id| id.outcome_of_intent()));
    assert_eq!(outcome.input.id, input.id);
    assert_eq!(outcome.input.outcome, Some(Outcome::Failure));
}

#[tokio::test]
async fn own_record_covers_a_request_without_a_rule() {
    let sink = MemorySink::new();
    let audit = AuditLayer::new(policy(""), sink.clone()).unwrap();
    let app = Router::new().route("/{tenant}/projects/{id}", any(handler)).layer(audit.clone());
    let inputs = Inputs::default();
    let mut asked = request("POST", "/acme/projects/committed", &Value::Null);
    asked.extensions_mut().insert(inputs.clone());
    text(send(&app, asked).await).await;
    let metadata = inputs.0.lock().unwrap()[0].metadata_text().to_owned();
    assert!(
        metadata.starts_with(r#"{"http":{"method":"POST"},"outcome":"success","#),
        "{metadata}"
    );
    let report = audit.policy().coverage();
    assert_eq!((report.covered, report.uncovered_requests), (1, 0));
}
