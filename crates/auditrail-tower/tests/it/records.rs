//! Who did what to what, from where, with what outcome.

use auditrail_core::FailurePolicy;
use auditrail_tower::AuditHandle;
use axum::routing::{post, put};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use crate::sink::MemorySink;
use crate::support::{layer, request, send, text};

const POLICY: &str = r#"
failure = "best_effort"
redact = ["password", "/card/number"]

[[rule]]
name = "created"
methods = ["POST"]
route = "/v1/projects"
level = "request_response"
action = "project.created"
target_type = "project"
target_id = { response = "/id" }
tenant_id = { header = "x-tenant" }
allow = ["/name", "/password", "/card", "/id"]

[[rule]]
name = "changed"
methods = ["PUT"]
route = "/v1/projects/{id}"
level = "request"
action = "project.updated"
target_type = "project"
target_id = { body = "/id" }
allow = ["/name"]
"#;

fn app(sink: &MemorySink) -> Router {
    let create = |Json(body): Json<Value>| async move {
        let mut reply = body;
        reply["id"] = json!("p-1");
        (StatusCode::CREATED, Json(reply))
    };
    let change = |Extension(audit): Extension<AuditHandle>| async move {
        audit.set_target("folder", "t-1");
        audit.add_metadata("why", "asked");
        audit.diff(&json!({"name": "a", "same": 1}), &json!({"name": "b", "same": 1}));
    };
    Router::new()
        .route("/v1/projects", post(create))
        .route("/v1/projects/{id}", put(change))
        .layer(layer(POLICY, sink))
}

#[tokio::test]
async fn record_has_actor_action_target_and_outcome() {
    let sink = MemorySink::new();
    let body = json!({"name": "Apollo", "password": "planted", "card": {"number": "planted", "until": "2030"}});
    let mut asked = request("POST", "/v1/projects?token=planted", &body);
    asked.headers_mut().insert("x-request-id", "r-1".parse().unwrap());
    asked.headers_mut().insert("x-tenant", "t1".parse().unwrap());
    asked.headers_mut().insert("user-agent", "test/1".parse().unwrap());
    let response = send(&app(&sink), asked).await;
    assert_eq!(response.headers()["x-request-id"], "r-1");
    assert!(sink.submissions().is_empty(), "the response is not read yet");
    text(response).await;

    let record = sink.record().await;
    let input = &record.input;
    assert_eq!(record.policy, Some(FailurePolicy::BestEffort));
    assert_eq!(input.actor.to_string(), "user:ana");
    assert_eq!(input.action.as_str(), "project.created");
    assert_eq!(input.target.to_string(), "project:p-1");
    assert_eq!(input.tenant_id.as_ref().map(|id| id.as_str()), Some("t1"));
    assert_eq!(input.context.request_id.as_ref().map(|id| id.as_str()), Some("r-1"));
    assert_eq!(input.context.user_agent.as_ref().map(|agent| agent.as_str()), Some("test/1"));
    let mut metadata = record.metadata();
    let duration = metadata["http"]["duration_ms"].take();
    assert!(duration.as_f64().is_some_and(|ms| ms >= 0.0), "{duration}");
    let fields = json!({"name": "Apollo", "card": {"until": "2030"}});
    let mut answered = fields.clone();
    answered["id"] = json!("p-1");
    let http =
        json!({"method": "POST", "route": "/v1/projects", "status": 201, "duration_ms": null});
    let expected = json!({
        "http": http, "outcome": "success", "rule": "created", "request": fields, "response": answered,
    });
    assert_eq!(metadata, expected);
}

#[tokio::test]
async fn handler_enriches_the_record() {
    let sink = MemorySink::new();
    text(send(&app(&sink), request("PUT", "/v1/projects/p-4", &json!({"id": "p-4"}))).await).await;
    let record = sink.record().await;
    assert_eq!(record.input.target.to_string(), "folder:t-1");
    assert_eq!(record.meta("/extra"), json!({"why": "asked"}));
    assert_eq!(record.meta("/before"), json!({"name": "a"}));
    assert_eq!(record.meta("/after"), json!({"name": "b"}));
}
