//! Exactly one record per request, with its outcome.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use auditrail_core::Outcome;
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::{BoxError, Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::sink::MemorySink;
use crate::support::{layer, request, send, text};

const POLICY: &str = r#"
failure = "best_effort"
[[rule]]
name = "only failures"
methods = ["PUT"]
route = "/things/{id}"
status = ["4xx"]
action = "thing.refused"
target_type = "thing"
target_id = { path = "id" }
[[rule]]
name = "not on purpose"
methods = ["PUT"]
route = "/things/{id}"
status = ["204"]
level = "none"
[[rule]]
name = "all"
route = "/things/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
"#;

/// The outcome, the status and the rule of a record.
fn end(record: &crate::sink::Submission) -> (String, Value, Value) {
    (record.outcome(), record.meta("/http/status"), record.meta("/rule"))
}

fn asked(method: &str) -> Request<Body> {
    request(method, "/things/1", &Value::Null)
}

fn answering(status: u16) -> Router {
    let status = StatusCode::from_u16(status).unwrap();
    Router::new().route("/things/{id}", axum::routing::any(move || async move { status }))
}

#[tokio::test]
async fn status_determines_the_outcome() {
    let cases = [
        (200, "success"),
        (302, "success"),
        (404, "failure"),
        (408, "timeout"),
        (500, "error"),
        (503, "error"),
        (504, "timeout"),
        (204, "success"),
    ];
    for (status, outcome) in cases {
        let sink = MemorySink::new();
        text(send(&answering(status).layer(layer(POLICY, &sink)), asked("POST")).await).await;
        assert_eq!(end(&sink.record().await), (outcome.to_owned(), json!(status), json!("all")));
    }
}

#[tokio::test]
async fn status_determines_the_outcome_column() {
    let cases = [
        (200, Outcome::Success),
        (302, Outcome::Success),
        (400, Outcome::Failure),
        (401, Outcome::Denied),
        (403, Outcome::Denied),
        (404, Outcome::Failure),
        (408, Outcome::Unknown),
        (500, Outcome::Failure),
        (504, Outcome::Unknown),
    ];
    for (status, outcome) in cases {
        let sink = MemorySink::new();
        text(send(&answering(status).layer(layer(POLICY, &sink)), asked("POST")).await).await;
        assert_eq!(sink.record().await.input.outcome, Some(outcome), "{status}");
    }
}

#[tokio::test]
async fn first_rule_with_matching_status_decides() {
    for (status, rule) in [(200, Some("all")), (409, Some("only failures")), (204, None)] {
        let sink = MemorySink::new();
        text(send(&answering(status).layer(layer(POLICY, &sink)), asked("PUT")).await).await;
        let rules: Vec<Value> =
            sink.submissions().iter().map(|submission| submission.meta("/rule")).collect();
        assert_eq!(rules, rule.map(Value::from).into_iter().collect::<Vec<_>>(), "{status}");
    }
}

#[tokio::test]
async fn record_follows_the_end_of_the_body() {
    let sink = MemorySink::new();
    let app = Router::new().route(
        "/things/{id}",
        post(async || Body::from_stream(stream::iter(["a", "b"]).map(Ok::<_, BoxError>))),
    );
    let mut body = send(&app.layer(layer(POLICY, &sink)), asked("POST")).await.into_body();
    for expected in ["a", "b"] {
        assert!(sink.submissions().is_empty());
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
    }
    assert!(body.frame().await.is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    drop(body);
    sink.record().await;
}

#[tokio::test]
async fn dropped_response_is_disconnected() {
    let sink = MemorySink::new();
    let app = Router::new().route(
        "/things/{id}",
        post(async || Body::from_stream(stream::iter(["a", "b"]).map(Ok::<_, BoxError>))),
    );
    let mut body = send(&app.layer(layer(POLICY, &sink)), asked("POST")).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let expected = ("disconnected".to_owned(), json!(200), json!("all"));
    assert_eq!(end(&sink.record().await), expected);
}

#[tokio::test]
async fn failed_response_body_is_an_error() {
    let sink = MemorySink::new();
    let app = Router::new().route(
        "/things/{id}",
        post(async || {
            let parts = stream::iter([Ok("a"), Err(BoxError::from("the upstream is gone"))]);
            Body::from_stream(parts)
        }),
    );
    let body = send(&app.layer(layer(POLICY, &sink)), asked("POST")).await.into_body();
    body.collect().await.unwrap_err();
    assert_eq!(end(&sink.record().await), ("error".to_owned(), json!(200), json!("all")));
}

#[tokio::test]
async fn response_without_body_ends_with_its_head() {
    // What is in these bodies is never asked for, whatever the handler put there.
    for (method, status) in [("HEAD", 200), ("POST", 304), ("POST", 204)] {
        let sink = MemorySink::new();
        let service = layer(POLICY, &sink).layer(service_fn(move |_| async move {
            let response = Response::builder().status(status);
            Ok::<_, BoxError>(response.body(Full::new(Bytes::from_static(b"unread"))).unwrap())
        }));
        let response = service.oneshot(asked(method)).await.unwrap();
        assert_eq!(sink.record().await.outcome(), "success", "{method} {status}");
        drop(response);
        sink.record().await;
    }
}

#[tokio::test]
async fn response_of_known_length_ends_with_its_last_byte() {
    let sink = MemorySink::new();
    let service = layer(POLICY, &sink).layer(service_fn(async |_| {
        let parts = stream::iter(["abc", "de"]).map(|part| Ok::<_, BoxError>(Bytes::from(part)));
        let response = Response::builder().header("content-length", "5");
        Ok::<_, BoxError>(response.body(Body::from_stream(parts)).unwrap())
    }));
    let mut body = service.oneshot(asked("POST")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(sink.submissions().is_empty());
    body.frame().await.unwrap().unwrap();
    // A server that wrote all it announced drops the body without response whether it has ended.
    drop(body);
    assert_eq!(sink.record().await.outcome(), "success");
}

async fn failing(error: BoxError) -> crate::sink::Submission {
    let sink = MemorySink::new();
    let mut error = Some(error);
    let service = service_fn(move |_| {
        let error = error.take().unwrap();
        async move { Err::<Response<Body>, _>(error) }
    });
    let mut service = layer(POLICY, &sink).layer(NeverCloned(service));
    service.ready().await.unwrap().call(asked("PUT")).await.unwrap_err();
    sink.record().await
}

/// A service whose clone panics: only `must` needs a clone.
struct NeverCloned<S>(S);

impl<S> Clone for NeverCloned<S> {
    fn clone(&self) -> Self {
        panic!("only a rule with `must` needs a clone")
    }
}

impl<S: Service<R>, R> Service<R> for NeverCloned<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

#[tokio::test]
async fn service_error_has_no_status() {
    // Without a status, the first rule that records decides.
    let failed = failing("no route to host".into()).await;
    assert_eq!(end(&failed), ("error".to_owned(), Value::Null, json!("only failures")));
}

#[tokio::test(start_paused = true)]
async fn tower_timeout_is_found_among_error_sources() {
    let sink = MemorySink::new();
    let never = service_fn(|_| std::future::pending::<Result<Response<Body>, BoxError>>());
    let limited = ServiceBuilder::new()
        .layer(layer(POLICY, &sink))
        .map_err(|error: BoxError| -> BoxError { format!("outer: {error}").into() })
        .timeout(Duration::from_secs(5))
        .service(never);
    limited.oneshot(asked("POST")).await.unwrap_err();
    // The error was flattened to text inside the layer, so its source is lost.
    assert_eq!(sink.record().await.outcome(), "error");

    #[derive(Debug, thiserror::Error)]
    #[error("the upstream failed")]
    struct Wrapped(#[source] BoxError);
    for wrap in [false, true] {
        let sink = MemorySink::new();
        let never = service_fn(|_| std::future::pending::<Result<Response<Body>, BoxError>>());
        let limited = ServiceBuilder::new()
            .layer(layer(POLICY, &sink))
            .map_err(move |error: BoxError| if wrap { Wrapped(error).into() } else { error })
            .timeout(Duration::from_secs(5))
            .service(never);
        limited.oneshot(asked("POST")).await.unwrap_err();
        assert_eq!(sink.record().await.outcome(), "timeout", "{wrap}");
    }
}

#[tokio::test]
async fn panicking_handler_is_an_error() {
    let sink = MemorySink::new();
    let app = Router::new()
        .route("/things/{id}", post(async || -> StatusCode { panic!("a bug of the handler") }))
        .layer(layer(POLICY, &sink));
    // Caught around the future, which is dropped after the unwinding is over.
    let future = send(&app, asked("POST"));
    AssertUnwindSafe(future).catch_unwind().await.unwrap_err();
    assert_eq!(end(&sink.record().await), ("error".to_owned(), Value::Null, json!("all")));

    // Caught by the runtime.
    let sink = MemorySink::new();
    let service =
        layer(POLICY, &sink).layer(service_fn(async |_| -> Result<Response<Body>, BoxError> {
            panic!("a bug of the handler")
        }));
    tokio::spawn(service.oneshot(asked("POST"))).await.unwrap_err();
    assert_eq!(sink.record().await.outcome(), "error");

    // Before there is a future.
    let sink = MemorySink::new();
    let mut service = layer(POLICY, &sink).layer(service_fn(|_| {
        if true {
            panic!("a bug of the service")
        }
        async { Ok::<_, BoxError>(Response::new(Body::empty())) }
    }));
    std::panic::catch_unwind(AssertUnwindSafe(|| drop(service.call(asked("POST"))))).unwrap_err();
    assert_eq!(sink.record().await.outcome(), "error");
}

#[tokio::test]
async fn panicking_response_body_is_an_error() {
    let sink = MemorySink::new();
    let app = Router::new().route(
        "/things/{id}",
        post(async || {
            Body::from_stream(
                stream::iter([0]).map(|n| -> Result<Bytes, BoxError> { panic!("bug {n}") }),
            )
        }),
    );
    let body = send(&app.layer(layer(POLICY, &sink)), asked("POST")).await.into_body();
    AssertUnwindSafe(body.collect()).catch_unwind().await.unwrap_err();
    assert_eq!(end(&sink.record().await), ("error".to_owned(), json!(200), json!("all")));
}

#[tokio::test]
async fn panicking_sink_does_not_abort_the_process() {
    struct Broken;
    impl auditrail_core::RecordSink for Broken {
        type Error = crate::sink::Rejected;
        fn submit(
            &self,
            _input: auditrail_core::CreateInput,
            _policy: Option<auditrail_core::FailurePolicy>,
        ) -> impl Future<Output = Result<auditrail_core::DeliveryStatus, Self::Error>> + Send + 'static
        {
            if true {
                panic!("a bug of the sink")
            }
            std::future::pending()
        }
        fn spools(&self) -> bool {
            true
        }
    }
    let layer = auditrail_tower::AuditLayer::new(crate::support::policy(POLICY), Broken).unwrap();
    let mut service = layer.layer(service_fn(|_| {
        if true {
            panic!("a bug of the handler")
        }
        async { Ok::<_, BoxError>(Response::new(Body::empty())) }
    }));
    std::panic::catch_unwind(AssertUnwindSafe(|| drop(service.call(asked("POST"))))).unwrap_err();
    assert_eq!(layer.counts().failed, 1);
}

#[tokio::test]
async fn rejected_records_are_counted() {
    let sink = MemorySink::new();
    let layer = layer(POLICY, &sink);
    let app = answering(200).layer(layer.clone());
    sink.set_verdict(crate::sink::Verdict::Reject);
    text(send(&app, asked("POST")).await).await;
    assert_eq!(layer.counts().failed, 1, "refused at once");
    sink.set_verdict(crate::sink::Verdict::Hold);
    assert_eq!(
        send(&app, asked("POST")).await.status(),
        200,
        "the response does not wait for the sink"
    );
    assert_eq!(layer.counts().failed, 1);
    sink.set_verdict(crate::sink::Verdict::Reject);
    crate::support::until(|| layer.counts().failed == 2).await;
    let counts = layer.counts();
    assert_eq!((counts.recorded, counts.failed), (2, 2));
}
