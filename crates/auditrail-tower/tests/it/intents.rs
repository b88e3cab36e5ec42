//! `must`: the handler does not run unless the intent is recorded, and every intent gets its outcome.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use auditrail_core::{FailurePolicy, Outcome};
use auditrail_tower::AuditHandle;
use axum::body::Body;
use axum::routing::{any, delete};
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::sink::{MemorySink, Verdict};
use crate::support::{layer, request, send, text, until};

const POLICY: &str = r#"
failure = "best_effort"
[[rule]]
name = "quiet"
methods = ["DELETE"]
route = "/projects/{id}"
status = ["404"]
level = "none"
[[rule]]
name = "refused"
methods = ["DELETE"]
route = "/projects/{id}"
status = ["403"]
action = "project.kept"
target_type = "project"
target_id = { path = "id" }
failure = "best_effort"
[[rule]]
name = "deleted"
methods = ["DELETE"]
route = "/projects/{id}"
status = ["2xx"]
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }
failure = "must"
[[rule]]
name = "by body"
methods = ["POST"]
route = "/projects"
level = "request"
action = "project.created"
target_type = "project"
target_id = { body = "/id" }
allow = ["/name"]
failure = "must"
"#;

/// An application that counts the runs of its handler.
struct App {
    router: Router,
    layer: auditrail_tower::AuditLayer,
    ran: Arc<AtomicUsize>,
}

fn app(sink: &MemorySink, status: u16) -> App {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let handler = move |body: String| async move {
        count.fetch_add(1, Ordering::SeqCst);
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let layer = layer(POLICY, sink);
    let router = Router::new()
        .route("/projects/{id}", delete(handler.clone()))
        .route("/projects", any(handler))
        .layer(layer.clone());
    App { router, layer, ran }
}

fn deleting() -> http::Request<Body> {
    request("DELETE", "/projects/p-1", &Value::Null)
}

#[tokio::test]
async fn intent_precedes_the_handler_and_outcome_follows() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let App { router, ran, .. } = app(&sink, 200);
    let mut response = Box::pin(send(&router, deleting()));
    assert!(response.as_mut().now_or_never().is_none());
    let intent = sink.record().await;
    assert_eq!(intent.policy, Some(FailurePolicy::Must));
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    sink.set_verdict(Verdict::Accept);
    text(response.await).await;
    assert_eq!(ran.load(Ordering::SeqCst), 1);

    let outcome = &sink.records(2).await[1];
    assert_eq!(outcome.policy, Some(FailurePolicy::Spool));
    let expected = json!({
        "http": {"method": "DELETE", "route": "/projects/{id}"}, "rule": "deleted", "phase": "intent",
    });
    assert_eq!(intent.metadata(), expected);
    assert_eq!(outcome.meta("/phase"), "outcome");
    assert_eq!(outcome.meta("/intent_id"), json!(intent.input.id.unwrap()));
    assert_eq!(outcome.outcome(), "success");
    let intent_id = intent.input.id.unwrap();
    assert_eq!(intent_id, intent_id.as_intent());
    assert_eq!(outcome.input.id, Some(intent_id.outcome_of_intent()));
    assert_eq!(intent.input.outcome, Some(Outcome::Unknown));
    assert_eq!(outcome.input.outcome, Some(Outcome::Success));
    assert_eq!(intent.input.context.request_id, outcome.input.context.request_id);
    assert_eq!(intent.input.target, outcome.input.target);
}

#[tokio::test]
async fn failed_intent_rejects_the_request() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Reject);
    let App { router, layer, ran } = app(&sink, 200);
    let response = send(&router, deleting()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/problem+json");
    assert_eq!(header("retry-after"), "1");
    let id = header("x-request-id");
    let problem: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&json!("audit_unavailable"), &json!(503)));
    assert_eq!(problem["request_id"], json!(id));
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert_eq!((layer.counts().refused, layer.counts().failed), (1, 0));
    assert_eq!(sink.submissions().len(), 1, "only the rejected intent");
    assert_eq!(layer.policy().coverage().covered, 1);
}

#[tokio::test]
async fn outcome_uses_the_rule_of_its_status_durably() {
    let cases = [
        (200, "deleted", "project.deleted"),
        (403, "refused", "project.kept"),
        (404, "deleted", "project.deleted"),
        (500, "deleted", "project.deleted"),
    ];
    for (status, rule, action) in cases {
        let sink = MemorySink::new();
        text(send(&app(&sink, status).router, deleting()).await).await;
        let outcome = &sink.records(2).await[1];
        assert_eq!((outcome.meta("/rule"), outcome.input.action.as_str()), (json!(rule), action));
        assert_eq!(outcome.meta("/http/status"), json!(status));
        assert_eq!(outcome.policy, Some(FailurePolicy::Spool), "{status}");
    }
}

#[tokio::test]
async fn outcome_without_spool_is_sent_as_must() {
    let sink = MemorySink::without_spool();
    text(send(&app(&sink, 200).router, deleting()).await).await;
    assert_eq!(sink.records(2).await[1].policy, Some(FailurePolicy::Must));
}

#[tokio::test]
async fn intent_reads_the_body_and_passes_it_on() {
    let sink = MemorySink::new();
    let App { router, .. } = app(&sink, 201);
    let body = json!({"id": "p-9", "name": "Apollo", "secret": "planted"});
    let reply = text(send(&router, request("POST", "/projects", &body)).await).await;
    assert_eq!(reply, body.to_string());
    for record in sink.records(2).await {
        assert_eq!(record.input.target.to_string(), "project:p-9");
        assert_eq!(record.meta("/request"), json!({"name": "Apollo"}));
    }
}

#[tokio::test]
async fn oversized_body_reaches_the_handler_whole() {
    let sink = MemorySink::new();
    let App { router, layer, .. } = app(&sink, 201);
    let parts: Vec<String> = (0..30).map(|n| format!("{n:05}").repeat(1_000)).collect();
    let stream = futures_util::stream::iter(parts.clone().into_iter().map(Ok::<_, std::io::Error>));
    let mut large = request("POST", "/projects", &Value::Null);
    large.headers_mut().insert("content-type", "application/json".parse().unwrap());
    *large.body_mut() = Body::from_stream(stream);
    let reply = text(send(&router, large).await).await;
    assert!(reply == parts.concat());
    assert_eq!(sink.records(2).await[0].input.target.target_id.as_str(), "unknown");
    assert_eq!(layer.counts().unknown_targets, 2);
}

/// Returns the frames that the handler received, and the target of the intent.
async fn through(parts: impl IntoIterator<Item = &'static str>) -> (Vec<Bytes>, String) {
    let sink = MemorySink::new();
    let got = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&got);
    let handler = async move |mut body: Body| {
        while let Some(frame) = body.frame().await {
            let part = frame.unwrap().into_data().unwrap();
            keep.lock().unwrap().push(part);
        }
    };
    let router = Router::new().route("/projects", any(handler)).layer(layer(POLICY, &sink));
    let parts: Vec<_> = parts.into_iter().map(Ok::<_, Infallible>).collect();
    let body = Body::from_stream(futures_util::stream::iter(parts));
    text(send(&router, request("POST", "/projects", &json!({})).map(|_| body)).await).await;
    let target = sink.records(2).await[0].input.target.to_string();
    (std::mem::take(&mut got.lock().unwrap()), target)
}

#[tokio::test]
async fn empty_frames_are_not_buffered_for_the_intent() {
    let parts = std::iter::repeat_n("", 10_000).chain([r#"{"id":"#, "", r#""p-1"}"#]);
    let (got, target) = through(parts).await;
    assert_eq!(got, [r#"{"id":"#, r#""p-1"}"#]);
    assert_eq!(target, "project:p-1");
}

#[tokio::test]
async fn body_of_too_many_frames_passes_without_capture() {
    for (spaces, expected) in [(4_000, "project:p-1"), (5_000, "project:unknown")] {
        let parts = std::iter::repeat_n(" ", spaces).chain([r#"{"id":"p-1"}"#]);
        let (got, target) = through(parts).await;
        assert_eq!(got.len(), spaces + 1);
        assert_eq!(target, expected);
    }
}

#[tokio::test]
async fn body_error_reaches_the_handler_after_the_intent() {
    let sink = MemorySink::new();
    let App { router, ran, .. } = app(&sink, 201);
    let parts = [Ok("{\"id\":"), Err(std::io::Error::other("gone"))];
    let mut broken = request("POST", "/projects", &Value::Null);
    broken.headers_mut().insert("content-type", "application/json".parse().unwrap());
    *broken.body_mut() = Body::from_stream(futures_util::stream::iter(parts));
    let response = send(&router, broken).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    text(response).await;
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    let outcomes: Vec<String> =
        sink.records(2).await.iter().map(|submission| submission.outcome()).collect();
    assert_eq!(outcomes, ["none", "failure"]);
}

#[tokio::test]
async fn intent_of_a_disconnected_caller_gets_its_outcome() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let App { router, ran, .. } = app(&sink, 200);
    let mut response = Box::pin(send(&router, deleting()));
    assert!(response.as_mut().now_or_never().is_none());
    let intent = sink.record().await;
    drop(response);
    sink.record().await;
    sink.set_verdict(Verdict::Accept);
    let outcome = &sink.records(2).await[1];
    assert_eq!(outcome.outcome(), "disconnected");
    assert_eq!(outcome.meta("/intent_id"), json!(intent.input.id.unwrap()));
    assert_eq!(outcome.meta("/http/status"), Value::Null);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn disconnect_record_does_not_name_a_failed_intent() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let App { router, layer, .. } = app(&sink, 200);
    let mut response = Box::pin(send(&router, deleting()));
    assert!(response.as_mut().now_or_never().is_none());
    drop(response);
    sink.set_verdict(Verdict::Reject);
    let outcome = &sink.records(2).await[1];
    assert_eq!(
        (outcome.outcome(), outcome.meta("/intent_id")),
        ("disconnected".to_owned(), Value::Null)
    );
    until(|| layer.counts().refused == 1).await;
}

#[test]
fn runtime_shutdown_still_records_an_outcome() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let App { router, .. } = app(&sink, 200);
        let mut response = Box::pin(send(&router, deleting()));
        assert!(response.as_mut().now_or_never().is_none());
    });
    assert_eq!(sink.submissions().len(), 1);
    drop(runtime);
    let submissions = sink.submissions();
    assert_eq!(submissions.len(), 2);
    assert_eq!(submissions[1].meta("/intent_id"), json!(submissions[0].input.id.unwrap()));
}

#[test]
fn outcome_is_immediate_without_a_runtime() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let App { router, .. } = app(&sink, 200);
    let mut response = Box::pin(send(&router, deleting()));
    assert!(response.as_mut().now_or_never().is_none());
    drop(response);
    let submissions = sink.submissions();
    assert_eq!(submissions.len(), 2);
    assert_eq!(submissions[1].meta("/intent_id"), json!(submissions[0].input.id.unwrap()));
}

#[tokio::test]
async fn aborted_handler_gets_its_outcome() {
    let sink = MemorySink::new();
    let started = Arc::new(Notify::new());
    let notify = Arc::clone(&started);
    let router = Router::new().route(
        "/projects/{id}",
        delete(async move || {
            notify.notify_one();
            std::future::pending::<()>().await;
        }),
    );
    let router = router.layer(layer(POLICY, &sink));
    let response = tokio::spawn(async move { send(&router, deleting()).await });
    started.notified().await;
    response.abort();
    let submissions = sink.records(2).await;
    assert_eq!(submissions[1].outcome(), "disconnected");
    assert_eq!(submissions[1].meta("/intent_id"), json!(submissions[0].input.id.unwrap()));
}

#[tokio::test]
async fn skip_omits_the_record_unless_there_is_an_intent() {
    let sink = MemorySink::new();
    let audit = layer(
        "failure = \"best_effort\"\n[[rule]]\nroute = \"/plain\"\naction = \"a.b\"\ntarget_type = \"t\"\n\
         [[rule]]\nroute = \"/must\"\naction = \"a.b\"\ntarget_type = \"t\"\nfailure = \"must\"",
        &sink,
    );
    let skip = any(async |Extension(audit): Extension<AuditHandle>| audit.skip());
    let router = Router::new().route("/{*path}", skip).layer(audit.clone());
    text(send(&router, request("POST", "/plain", &Value::Null)).await).await;
    assert!(sink.submissions().is_empty());
    assert_eq!(audit.counts().skipped, 1);
    text(send(&router, request("POST", "/must", &Value::Null)).await).await;
    assert_eq!(sink.records(2).await[1].meta("/phase"), "outcome");
    assert_eq!(audit.counts().skipped, 1);
}

#[tokio::test]
async fn target_from_the_response_is_unknown_to_the_intent() {
    let sink = MemorySink::new();
    let audit = layer(
        "[[rule]]\nroute = \"/projects\"\naction = \"a.b\"\ntarget_type = \"t\"\n\
         target_id = { response = \"/id\" }\nfailure = \"must\"",
        &sink,
    );
    let create = any(async || ([("content-type", "application/json")], "{\"id\":7}"));
    let router = Router::new().route("/projects", create).layer(audit.clone());
    text(send(&router, request("POST", "/projects", &Value::Null)).await).await;
    let submissions = sink.records(2).await;
    let targets: Vec<String> =
        submissions.iter().map(|submission| submission.input.target.to_string()).collect();
    assert_eq!(targets, ["t:unknown", "t:7"]);
    assert_eq!(audit.counts().unknown_targets, 0);
}

#[tokio::test]
async fn sink_gets_the_failure_policy_of_the_rule() {
    for failure in [FailurePolicy::Spool, FailurePolicy::BestEffort] {
        let sink = MemorySink::new();
        let rule = "[[rule]]\nroute = \"/\"\naction = \"a.b\"\ntarget_type = \"t\"\n";
        let audit = layer(&format!("{rule}failure = \"{failure}\""), &sink);
        let skip = any(async |audit: AuditHandle| audit.set_tenant("named"));
        let router = Router::new().route("/", skip).layer(audit);
        text(send(&router, request("GET", "/", &Value::Null)).await).await;
        let record = sink.record().await;
        assert_eq!(record.policy, Some(failure));
        assert_eq!(record.input.tenant_id.unwrap().as_str(), "named");
    }
}

#[test]
fn spooling_policy_requires_a_spool() {
    let text = "[[rule]]\nname = \"r\"\nroute = \"/\"\naction = \"a.b\"\ntarget_type = \"t\"";
    let policy = || crate::support::policy(text);
    let refused = auditrail_tower::AuditLayer::new(policy(), MemorySink::without_spool());
    assert!(refused.unwrap_err().to_string().contains("the rule `r`"));
    assert!(auditrail_tower::AuditLayer::new(policy(), MemorySink::new()).is_ok());
    let shared = Arc::new(MemorySink::new());
    assert!(auditrail_tower::AuditLayer::new(Arc::new(policy()), shared).is_ok());
}
