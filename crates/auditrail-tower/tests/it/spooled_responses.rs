//! The end of a response waits until its record is on disk, and for nothing else.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use auditrail_core::FailurePolicy;
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{delete, post};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::sink::{MemorySink, Verdict};
use crate::support::{layer, request, send, text};

const RULES: &str = r#"
[[rule]]
route = "/projects"
action = "project.created"
target_type = "project"
FAILURE

[[rule]]
route = "/projects/{id}"
action = "project.deleted"
target_type = "project"
FAILURE
"#;

/// An application with and without response bodies, and a sink that holds submissions.
fn held(failure: &str, sink: &MemorySink) -> Router {
    sink.set_verdict(Verdict::Hold);
    let rules = RULES.replace("FAILURE", &format!("failure = \"{failure}\""));
    Router::new()
        .route("/projects", post(async || "made"))
        .route("/projects/{id}", delete(async || StatusCode::NO_CONTENT))
        .layer(layer(&rules, sink))
}

#[tokio::test]
async fn complete_response_waits_with_its_head() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    let mut response = pin!(send(&app, request("POST", "/projects", &json!({}))));
    assert!(response.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    assert!(response.as_mut().now_or_never().is_none());
    sink.set_verdict(Verdict::Accept);
    let reply = response.await;
    assert_eq!(reply.size_hint().exact(), Some(4));
    assert_eq!(text(reply).await, "made");
}

#[tokio::test]
async fn response_without_body_waits_for_the_spool() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    let mut response = pin!(send(&app, request("DELETE", "/projects/p1", &json!(null))));
    assert!(response.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    sink.set_verdict(Verdict::Accept);
    assert_eq!(response.await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn failed_spool_does_not_fail_the_response() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    let mut response = pin!(send(&app, request("POST", "/projects", &json!({}))));
    assert!(response.as_mut().now_or_never().is_none());
    sink.set_verdict(Verdict::Reject);
    assert_eq!(text(response.await).await, "made");
    sink.record().await;
}

#[tokio::test]
async fn best_effort_does_not_delay_the_response() {
    let sink = MemorySink::new();
    let app = held("best_effort", &sink);
    let reply = send(&app, request("POST", "/projects", &json!({}))).await;
    assert_eq!(text(reply).await, "made");
    let reply = send(&app, request("DELETE", "/projects/p1", &json!(null))).await;
    assert_eq!(reply.status(), StatusCode::NO_CONTENT);
    sink.records(2).await;
}

#[tokio::test]
async fn outcome_without_spool_does_not_delay_the_response() {
    let sink = MemorySink::without_spool();
    let app = held("must", &sink);
    let mut response = pin!(send(&app, request("POST", "/projects", &json!({}))));
    assert!(response.as_mut().now_or_never().is_none());
    sink.set_verdict(Verdict::Accept);
    let reply = response.await;
    sink.set_verdict(Verdict::Hold);
    assert_eq!(text(reply).await, "made");
    let submissions = sink.records(2).await;
    assert_eq!(submissions[1].policy, Some(FailurePolicy::Must));
}

#[tokio::test]
async fn disconnect_while_spooling_leaves_one_record() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    for (method, path) in [("POST", "/projects"), ("DELETE", "/projects/p1")] {
        let mut response = pin!(send(&app, request(method, path, &json!(null))));
        assert!(response.as_mut().now_or_never().is_none());
    }
    sink.set_verdict(Verdict::Accept);
    let outcomes: Vec<_> =
        sink.records(2).await.iter().map(|submission| submission.outcome()).collect();
    assert_eq!(outcomes, ["success", "success"]);
}

/// A body of known length that does not mark its last frame, and is pending at first if it is late.
#[derive(Clone)]
struct Sized {
    parts: Vec<&'static str>,
    late: bool,
}

impl http_body::Body for Sized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.late) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.parts.pop().map(|part| Ok(Frame::data(part.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
    }
}

fn sized(parts: &[&'static str], late: bool, sink: &MemorySink) -> Router {
    sink.set_verdict(Verdict::Hold);
    let body = Sized { parts: parts.to_vec(), late };
    Router::new()
        .route("/projects", post(async move || Body::new(body)))
        .layer(layer(&RULES.replace("FAILURE", "failure = \"spool\""), sink))
}

#[tokio::test]
async fn last_frame_by_length_waits_for_the_spool() {
    let sink = MemorySink::new();
    let app = sized(&["de", "ma"], true, &sink);
    let mut body = send(&app, request("POST", "/projects", &json!({}))).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ma");
    assert!(sink.submissions().is_empty());
    assert!(body.frame().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    sink.set_verdict(Verdict::Accept);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "de");
    // A server that has all it announced asks for no more.
    drop(body);
    sink.record().await;
}

#[tokio::test]
async fn buffered_response_keeps_frames_and_length() {
    let sink = MemorySink::new();
    let app = sized(&["de", "ma"], false, &sink);
    let mut response = pin!(send(&app, request("POST", "/projects", &json!({}))));
    assert!(response.as_mut().now_or_never().is_none());
    sink.set_verdict(Verdict::Accept);
    let mut body = response.await.into_body();
    for (part, left) in [("ma", 4), ("de", 2)] {
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), false));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), part);
    }
    assert!(body.frame().await.is_none());
    assert_eq!(sink.record().await.outcome(), "success");
}

#[tokio::test]
async fn head_does_not_wait_for_a_long_body() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let parts = || stream::iter(std::iter::repeat_n(Bytes::from(vec![b'x'; 20_000]), 10));
    let app = Router::new()
        .route("/projects", post(async move || Body::from_stream(parts().map(Ok::<_, Infallible>))))
        .layer(layer(&RULES.replace("FAILURE", "failure = \"spool\""), &sink));
    let reply = send(&app, request("POST", "/projects", &json!({}))).await;
    assert!(sink.submissions().is_empty(), "more than 64 KiB are not taken ahead");
    let mut reading = pin!(text(reply));
    assert!(reading.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    sink.set_verdict(Verdict::Accept);
    assert_eq!(reading.await.len(), 200_000);
}

#[tokio::test]
async fn empty_response_by_length_waits_for_the_spool() {
    let sink = MemorySink::new();
    let app = sized(&[], false, &sink);
    let mut response = pin!(send(&app, request("POST", "/projects", &json!({}))));
    assert!(response.as_mut().now_or_never().is_none());
    sink.set_verdict(Verdict::Accept);
    drop(response.await);
    assert_eq!(sink.record().await.outcome(), "success");
}

#[tokio::test]
async fn held_frame_counts_in_the_size_hint() {
    let sink = MemorySink::new();
    let app = sized(&["made"], true, &sink);
    let mut body = send(&app, request("POST", "/projects", &json!({}))).await.into_body();
    assert!(body.frame().now_or_never().is_none());
    assert_eq!(body.size_hint().exact(), Some(4));
    assert!(!body.is_end_stream());
    sink.set_verdict(Verdict::Accept);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "made");
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn service_error_waits_for_the_spool() {
    let sink = MemorySink::new();
    sink.set_verdict(Verdict::Hold);
    let failing = service_fn(async |_| Err::<Response<Body>, _>("broken"));
    let service = layer(&RULES.replace("FAILURE", "failure = \"spool\""), &sink).layer(failing);
    let mut response = pin!(service.oneshot(request("POST", "/projects", &json!({}))));
    assert!(response.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "error");
    sink.set_verdict(Verdict::Accept);
    assert_eq!(response.await.unwrap_err(), "broken");
    sink.record().await;
}
