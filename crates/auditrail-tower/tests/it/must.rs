//! `must`: no record of the intent, no deed; and no intent without its outcome.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use auditrail_core::FailurePolicy;
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

use crate::sink::{Fate, MemorySink};
use crate::support::{ask, layer, request, text, until};

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

/// An application that counts how often its handler runs.
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
async fn the_intent_is_written_before_the_handler_runs_and_the_outcome_after() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let App { router, ran, .. } = app(&sink, 200);
    let mut asking = Box::pin(ask(&router, deleting()));
    assert!(asking.as_mut().now_or_never().is_none());
    let intent = sink.record().await;
    assert_eq!(intent.policy, Some(FailurePolicy::Must));
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    sink.decide(Fate::Taken);
    text(asking.await).await;
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
    assert_eq!(outcome.input.id, None, "the sink names it");
    assert_eq!(intent.input.context.request_id, outcome.input.context.request_id);
    assert_eq!(intent.input.target, outcome.input.target);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_and_the_handler_does_not_run() {
    let sink = MemorySink::new();
    sink.decide(Fate::Refused);
    let App { router, layer, ran } = app(&sink, 200);
    let response = ask(&router, deleting()).await;
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
    assert_eq!(sink.given().len(), 1, "the intent that was not taken on, and nothing else");
    assert_eq!(layer.policy().coverage().covered, 1);
}

#[tokio::test]
async fn the_outcome_is_by_the_rule_for_the_status_and_no_less_durable() {
    let cases = [
        (200, "deleted", "project.deleted"),
        (403, "refused", "project.kept"),
        (404, "deleted", "project.deleted"),
        (500, "deleted", "project.deleted"),
    ];
    for (status, rule, action) in cases {
        let sink = MemorySink::new();
        text(ask(&app(&sink, status).router, deleting()).await).await;
        let outcome = &sink.records(2).await[1];
        assert_eq!((outcome.meta("/rule"), outcome.input.action.as_str()), (json!(rule), action));
        assert_eq!(outcome.meta("/http/status"), json!(status));
        assert_eq!(outcome.policy, Some(FailurePolicy::Spool), "{status}");
    }
}

#[tokio::test]
async fn the_outcome_is_sent_as_must_where_there_is_no_spool() {
    let sink = MemorySink::without_spool();
    text(ask(&app(&sink, 200).router, deleting()).await).await;
    assert_eq!(sink.records(2).await[1].policy, Some(FailurePolicy::Must));
}

#[tokio::test]
async fn the_intent_knows_the_body_and_the_handler_gets_all_of_it() {
    let sink = MemorySink::new();
    let App { router, .. } = app(&sink, 201);
    let body = json!({"id": "p-9", "name": "Apollo", "secret": "planted"});
    let answer = text(ask(&router, request("POST", "/projects", &body)).await).await;
    assert_eq!(answer, body.to_string());
    for record in sink.records(2).await {
        assert_eq!(record.input.target.to_string(), "project:p-9");
        assert_eq!(record.meta("/request"), json!({"name": "Apollo"}));
    }
}

#[tokio::test]
async fn a_body_too_large_to_look_at_reaches_the_handler_whole() {
    let sink = MemorySink::new();
    let App { router, layer, .. } = app(&sink, 201);
    let parts: Vec<String> = (0..30).map(|n| format!("{n:05}").repeat(1_000)).collect();
    let stream = futures_util::stream::iter(parts.clone().into_iter().map(Ok::<_, std::io::Error>));
    let mut large = request("POST", "/projects", &Value::Null);
    large.headers_mut().insert("content-type", "application/json".parse().unwrap());
    *large.body_mut() = Body::from_stream(stream);
    let answer = text(ask(&router, large).await).await;
    assert!(answer == parts.concat());
    assert_eq!(sink.records(2).await[0].input.target.target_id.as_str(), "unknown");
    assert_eq!(layer.counts().unknown_targets, 2);
}

/// What a handler got of a body that came in these parts, and the id that the intent had.
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
    text(ask(&router, request("POST", "/projects", &json!({})).map(|_| body)).await).await;
    let target = sink.records(2).await[0].input.target.to_string();
    (std::mem::take(&mut got.lock().unwrap()), target)
}

#[tokio::test]
async fn empty_parts_of_a_body_are_not_kept_until_the_intent_is_written() {
    let parts = std::iter::repeat_n("", 10_000).chain([r#"{"id":"#, "", r#""p-1"}"#]);
    let (got, target) = through(parts).await;
    assert_eq!(got, [r#"{"id":"#, r#""p-1"}"#]);
    assert_eq!(target, "project:p-1");
}

#[tokio::test]
async fn a_body_in_more_parts_than_are_kept_reaches_the_handler_whole_and_is_not_looked_at() {
    for (spaces, expected) in [(4_000, "project:p-1"), (5_000, "project:unknown")] {
        let parts = std::iter::repeat_n(" ", spaces).chain([r#"{"id":"p-1"}"#]);
        let (got, target) = through(parts).await;
        assert_eq!(got.len(), spaces + 1);
        assert_eq!(target, expected);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_to_the_handler_after_the_intent() {
    let sink = MemorySink::new();
    let App { router, ran, .. } = app(&sink, 201);
    let parts = [Ok("{\"id\":"), Err(std::io::Error::other("gone"))];
    let mut broken = request("POST", "/projects", &Value::Null);
    broken.headers_mut().insert("content-type", "application/json".parse().unwrap());
    *broken.body_mut() = Body::from_stream(futures_util::stream::iter(parts));
    let response = ask(&router, broken).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    text(response).await;
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    let outcomes: Vec<String> = sink.records(2).await.iter().map(|given| given.outcome()).collect();
    assert_eq!(outcomes, ["none", "failure"]);
}

#[tokio::test]
async fn an_intent_whose_caller_went_away_meanwhile_gets_its_outcome() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let App { router, ran, .. } = app(&sink, 200);
    let mut asking = Box::pin(ask(&router, deleting()));
    assert!(asking.as_mut().now_or_never().is_none());
    let intent = sink.record().await;
    drop(asking);
    sink.record().await;
    sink.decide(Fate::Taken);
    let outcome = &sink.records(2).await[1];
    assert_eq!(outcome.outcome(), "disconnected");
    assert_eq!(outcome.meta("/intent_id"), json!(intent.input.id.unwrap()));
    assert_eq!(outcome.meta("/http/status"), Value::Null);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_intent_that_was_not_written_is_not_named_by_the_record_of_the_caller_who_went_away() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let App { router, layer, .. } = app(&sink, 200);
    let mut asking = Box::pin(ask(&router, deleting()));
    assert!(asking.as_mut().now_or_never().is_none());
    drop(asking);
    sink.decide(Fate::Refused);
    let outcome = &sink.records(2).await[1];
    assert_eq!(
        (outcome.outcome(), outcome.meta("/intent_id")),
        ("disconnected".to_owned(), Value::Null)
    );
    until(|| layer.counts().refused == 1).await;
}

#[test]
fn an_intent_gets_its_outcome_when_the_runtime_ends_before_it_is_written() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let App { router, .. } = app(&sink, 200);
        let mut asking = Box::pin(ask(&router, deleting()));
        assert!(asking.as_mut().now_or_never().is_none());
    });
    assert_eq!(sink.given().len(), 1);
    drop(runtime);
    let given = sink.given();
    assert_eq!(given.len(), 2);
    assert_eq!(given[1].meta("/intent_id"), json!(given[0].input.id.unwrap()));
}

#[test]
fn without_a_runtime_an_intent_gets_its_outcome_at_once() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let App { router, .. } = app(&sink, 200);
    let mut asking = Box::pin(ask(&router, deleting()));
    assert!(asking.as_mut().now_or_never().is_none());
    drop(asking);
    let given = sink.given();
    assert_eq!(given.len(), 2);
    assert_eq!(given[1].meta("/intent_id"), json!(given[0].input.id.unwrap()));
}

#[tokio::test]
async fn an_intent_whose_handler_was_given_up_gets_its_outcome() {
    let sink = MemorySink::new();
    let started = Arc::new(Notify::new());
    let tell = Arc::clone(&started);
    let router = Router::new().route(
        "/projects/{id}",
        delete(async move || {
            tell.notify_one();
            std::future::pending::<()>().await;
        }),
    );
    let router = router.layer(layer(POLICY, &sink));
    let asking = tokio::spawn(async move { ask(&router, deleting()).await });
    started.notified().await;
    asking.abort();
    let given = sink.records(2).await;
    assert_eq!(given[1].outcome(), "disconnected");
    assert_eq!(given[1].meta("/intent_id"), json!(given[0].input.id.unwrap()));
}

#[tokio::test]
async fn a_skipped_request_leaves_no_record_unless_there_is_an_intent() {
    let sink = MemorySink::new();
    let audit = layer(
        "failure = \"best_effort\"\n[[rule]]\nroute = \"/plain\"\naction = \"a.b\"\ntarget_type = \"t\"\n\
         [[rule]]\nroute = \"/must\"\naction = \"a.b\"\ntarget_type = \"t\"\nfailure = \"must\"",
        &sink,
    );
    let skip = any(async |Extension(audit): Extension<AuditHandle>| audit.skip());
    let router = Router::new().route("/{*path}", skip).layer(audit.clone());
    text(ask(&router, request("POST", "/plain", &Value::Null)).await).await;
    assert!(sink.given().is_empty());
    assert_eq!(audit.counts().skipped, 1);
    text(ask(&router, request("POST", "/must", &Value::Null)).await).await;
    assert_eq!(sink.records(2).await[1].meta("/phase"), "outcome");
    assert_eq!(audit.counts().skipped, 1);
}

#[tokio::test]
async fn what_only_the_answer_says_the_intent_cannot_know_and_that_is_not_counted() {
    let sink = MemorySink::new();
    let audit = layer(
        "[[rule]]\nroute = \"/projects\"\naction = \"a.b\"\ntarget_type = \"t\"\n\
         target_id = { response = \"/id\" }\nfailure = \"must\"",
        &sink,
    );
    let create = any(async || ([("content-type", "application/json")], "{\"id\":7}"));
    let router = Router::new().route("/projects", create).layer(audit.clone());
    text(ask(&router, request("POST", "/projects", &Value::Null)).await).await;
    let given = sink.records(2).await;
    let targets: Vec<String> = given.iter().map(|given| given.input.target.to_string()).collect();
    assert_eq!(targets, ["t:unknown", "t:7"]);
    assert_eq!(audit.counts().unknown_targets, 0);
}

#[tokio::test]
async fn the_sink_is_told_the_policy_of_the_rule() {
    for failure in [FailurePolicy::Spool, FailurePolicy::BestEffort] {
        let sink = MemorySink::new();
        let rule = "[[rule]]\nroute = \"/\"\naction = \"a.b\"\ntarget_type = \"t\"\n";
        let audit = layer(&format!("{rule}failure = \"{failure}\""), &sink);
        let skip = any(async |audit: AuditHandle| audit.set_tenant("told"));
        let router = Router::new().route("/", skip).layer(audit);
        text(ask(&router, request("GET", "/", &Value::Null)).await).await;
        let record = sink.record().await;
        assert_eq!(record.policy, Some(failure));
        assert_eq!(record.input.tenant_id.unwrap().as_str(), "told");
    }
}

#[test]
fn a_policy_that_spools_is_refused_with_a_sink_that_cannot() {
    let text = "[[rule]]\nname = \"r\"\nroute = \"/\"\naction = \"a.b\"\ntarget_type = \"t\"";
    let policy = || crate::support::policy(text);
    let refused = auditrail_tower::AuditLayer::new(policy(), MemorySink::without_spool());
    assert!(refused.unwrap_err().to_string().contains("the rule `r`"));
    assert!(auditrail_tower::AuditLayer::new(policy(), MemorySink::new()).is_ok());
    let shared = Arc::new(MemorySink::new());
    assert!(auditrail_tower::AuditLayer::new(Arc::new(policy()), shared).is_ok());
}
