//! Requests that are read in several ways: their paths, and their targets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auditrail_core::{FailurePolicy, Outcome};
use axum::Router;
use axum::routing::any;
use http::StatusCode;
use serde_json::{Value, json};

use crate::sink::MemorySink;
use crate::support::{layer, request, send, text};

const POLICY: &str = r#"
[[rule]]
name = "assets"
route = "/api/public/{*rest}"
level = "none"
[[rule]]
name = "project deleted"
methods = ["DELETE"]
route = "/api/projects/{id}"
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }
[[rule]]
name = "key revoked"
methods = ["DELETE"]
route = "/api/keys/{id}"
action = "key.revoked"
target_type = "api_key"
target_id = { path = "id" }
failure = "must"
[[rule]]
name = "project moved"
methods = ["PUT"]
route = "/api/projects"
action = "project.updated"
target_type = "project"
target_id = { body = "/id" }
require_target = true
failure = "must"
"#;

/// A gateway: every path is handled.
fn app(policy: &str, sink: &MemorySink) -> (Router, auditrail_tower::AuditLayer, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let handler = move |_: String| async move {
        counted.fetch_add(1, Ordering::Relaxed);
        "done"
    };
    let audit = layer(policy, sink);
    (Router::new().fallback(any(handler)).layer(audit.clone()), audit, runs)
}

#[tokio::test]
async fn path_that_an_upstream_resolves_is_recorded() {
    let paths = [
        "/api/public/../projects/p2",
        "/api/public/%2e%2e/projects/p2",
        "/api/public/..%2fprojects/p2",
        "/api/public/..;/projects/p2",
        "/api/public/%252e%252e/projects/p2",
        "/api/public//../projects/p2",
    ];
    for path in paths {
        let sink = MemorySink::new();
        let (app, audit, _) = app(POLICY, &sink);
        text(send(&app, request("DELETE", path, &Value::Null)).await).await;
        let record = sink.record().await;
        assert_eq!(record.input.action.as_str(), "project.deleted", "{path}");
        assert_eq!(record.input.target.target_id.as_str(), "p2", "{path}");
        assert_eq!(record.policy, Some(FailurePolicy::Spool));
        assert_eq!(record.meta("/other_readings"), json!([{"rule": "assets"}]), "{path}");
        assert_eq!((audit.counts().ambiguous, audit.policy().coverage().ambiguous), (1, 1));
    }
}

#[tokio::test]
async fn stricter_failure_policy_wins_and_the_other_rule_is_named() {
    let sink = MemorySink::new();
    let (app, ..) = app(POLICY, &sink);
    let path = "/api/projects/..%2fkeys%2fk1";
    text(send(&app, request("DELETE", path, &Value::Null)).await).await;
    let other = json!([{
        "rule": "project deleted", "action": "project.deleted", "target_id": "../keys/k1",
    }]);
    for record in sink.records(2).await {
        assert_eq!(record.input.target.to_string(), "api_key:k1");
        assert_eq!(record.meta("/other_readings"), other);
    }
}

#[tokio::test]
async fn none_covers_only_when_every_reading_agrees() {
    let sink = MemorySink::new();
    let (app, audit, _) = app(POLICY, &sink);
    let ask = async |path: &str| {
        text(send(&app, request("DELETE", path, &Value::Null)).await).await;
        audit.policy().coverage()
    };
    let agreed = ask("/api/public/a/../b").await;
    assert_eq!((agreed.covered, agreed.uncovered_requests, agreed.ambiguous), (1, 0, 0));
    let hidden = ask("/api/public/../teams/t1").await;
    assert_eq!((hidden.covered, hidden.uncovered_requests, hidden.ambiguous), (1, 1, 1));
    assert_eq!(hidden.uncovered[0].route, "/api/public/../teams/t1");
    assert!(hidden.to_string().contains("1  with an ambiguous path"), "{hidden}");
}

#[tokio::test]
async fn policy_can_refuse_ambiguous_paths() {
    let sink = MemorySink::new();
    let (app, audit, runs) = app(&format!("ambiguous_paths = \"refuse\"\n{POLICY}"), &sink);
    let path = "/api/public/../projects/p2";
    let response = send(&app, request("DELETE", path, &Value::Null)).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers().contains_key("x-request-id"));
    let problem: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem["code"], "ambiguous_path");
    assert_eq!(problem["status"], 400);
    assert_eq!(runs.load(Ordering::Relaxed), 0, "the handler did not run");
    let record = sink.record().await;
    assert_eq!(record.input.outcome, Some(Outcome::Failure));
    assert_eq!(record.meta("/http/status"), 400);
    assert_eq!((audit.counts().rejected, audit.counts().refused), (1, 0));

    let plain = send(&app, request("DELETE", "/api/projects/p2", &Value::Null)).await;
    assert_eq!(plain.status(), StatusCode::OK);
    let same_rule = send(&app, request("DELETE", "/api/projects/p2;v=1", &Value::Null)).await;
    assert_eq!(same_rule.status(), StatusCode::OK, "every reading leads to the same rule");
}

#[tokio::test]
async fn required_target_is_refused_when_it_is_unknown() {
    let sink = MemorySink::new();
    let (app, audit, runs) = app(POLICY, &sink);
    let blanks = " ".repeat(70_000);
    for body in [json!({"name": "n"}), json!({"id": {}}), json!({"id": 1, "pad": blanks})] {
        let response = send(&app, request("PUT", "/api/projects", &body)).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(problem["code"], "audit_target_unknown");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    assert_eq!(audit.counts().rejected, 3);
    for record in sink.records(3).await {
        assert_eq!(record.meta("/http/status"), 422, "no intent, one record of the refusal");
    }
    let named = send(&app, request("PUT", "/api/projects", &json!({"id": "p1"}))).await;
    assert_eq!(named.status(), StatusCode::OK);
}
