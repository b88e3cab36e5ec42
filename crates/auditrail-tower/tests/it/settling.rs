//! When the end of an answer waits for its record: until it is on disk, and for nothing else.

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

use crate::sink::{Fate, MemorySink};
use crate::support::{ask, layer, request, text};

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

/// An application whose answers have a body or none, and a sink that holds what it is given.
fn held(failure: &str, sink: &MemorySink) -> Router {
    sink.decide(Fate::Held);
    let rules = RULES.replace("FAILURE", &format!("failure = \"{failure}\""));
    Router::new()
        .route("/projects", post(async || "made"))
        .route("/projects/{id}", delete(async || StatusCode::NO_CONTENT))
        .layer(layer(&rules, sink))
}

#[tokio::test]
async fn a_whole_answer_waits_with_its_head_until_its_record_is_spooled() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    let mut asking = pin!(ask(&app, request("POST", "/projects", &json!({}))));
    assert!(asking.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    assert!(asking.as_mut().now_or_never().is_none());
    sink.decide(Fate::Taken);
    let answer = asking.await;
    assert_eq!(answer.size_hint().exact(), Some(4));
    assert_eq!(text(answer).await, "made");
}

#[tokio::test]
async fn an_answer_without_a_body_waits_until_its_record_is_spooled() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    let mut asking = pin!(ask(&app, request("DELETE", "/projects/p1", &json!(null))));
    assert!(asking.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    sink.decide(Fate::Taken);
    assert_eq!(asking.await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_answer_whose_record_cannot_be_spooled_is_given_all_the_same() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    let mut asking = pin!(ask(&app, request("POST", "/projects", &json!({}))));
    assert!(asking.as_mut().now_or_never().is_none());
    sink.decide(Fate::Refused);
    assert_eq!(text(asking.await).await, "made");
    sink.record().await;
}

#[tokio::test]
async fn nobody_waits_for_a_record_that_is_best_effort() {
    let sink = MemorySink::new();
    let app = held("best_effort", &sink);
    let answer = ask(&app, request("POST", "/projects", &json!({}))).await;
    assert_eq!(text(answer).await, "made");
    let answer = ask(&app, request("DELETE", "/projects/p1", &json!(null))).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    sink.records(2).await;
}

#[tokio::test]
async fn nobody_waits_for_the_outcome_of_an_intent_where_there_is_no_spool() {
    let sink = MemorySink::without_spool();
    let app = held("must", &sink);
    let mut asking = pin!(ask(&app, request("POST", "/projects", &json!({}))));
    assert!(asking.as_mut().now_or_never().is_none());
    sink.decide(Fate::Taken);
    let answer = asking.await;
    sink.decide(Fate::Held);
    assert_eq!(text(answer).await, "made");
    let given = sink.records(2).await;
    assert_eq!(given[1].policy, Some(FailurePolicy::Must));
}

#[tokio::test]
async fn a_caller_that_goes_away_while_its_record_is_spooled_leaves_one_record() {
    let sink = MemorySink::new();
    let app = held("spool", &sink);
    for (method, path) in [("POST", "/projects"), ("DELETE", "/projects/p1")] {
        let mut asking = pin!(ask(&app, request(method, path, &json!(null))));
        assert!(asking.as_mut().now_or_never().is_none());
    }
    sink.decide(Fate::Taken);
    let outcomes: Vec<_> = sink.records(2).await.iter().map(|given| given.outcome()).collect();
    assert_eq!(outcomes, ["success", "success"]);
}

/// A body that knows its length, says of no part that it is the last, and is not there at once if it is late.
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
    sink.decide(Fate::Held);
    let body = Sized { parts: parts.to_vec(), late };
    Router::new()
        .route("/projects", post(async move || Body::new(body)))
        .layer(layer(&RULES.replace("FAILURE", "failure = \"spool\""), sink))
}

#[tokio::test]
async fn the_last_part_of_a_body_waits_though_only_its_length_tells_that_it_is_the_last() {
    let sink = MemorySink::new();
    let app = sized(&["de", "ma"], true, &sink);
    let mut body = ask(&app, request("POST", "/projects", &json!({}))).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ma");
    assert!(sink.given().is_empty());
    assert!(body.frame().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    sink.decide(Fate::Taken);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "de");
    // A server that has all it announced asks for no more.
    drop(body);
    sink.record().await;
}

#[tokio::test]
async fn a_whole_answer_comes_in_the_parts_and_with_the_length_it_has() {
    let sink = MemorySink::new();
    let app = sized(&["de", "ma"], false, &sink);
    let mut asking = pin!(ask(&app, request("POST", "/projects", &json!({}))));
    assert!(asking.as_mut().now_or_never().is_none());
    sink.decide(Fate::Taken);
    let mut body = asking.await.into_body();
    for (part, left) in [("ma", 4), ("de", 2)] {
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), false));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), part);
    }
    assert!(body.frame().await.is_none());
    assert_eq!(sink.record().await.outcome(), "success");
}

#[tokio::test]
async fn the_head_of_an_answer_does_not_wait_for_what_is_still_to_come() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let parts = || stream::iter(std::iter::repeat_n(Bytes::from(vec![b'x'; 20_000]), 10));
    let app = Router::new()
        .route("/projects", post(async move || Body::from_stream(parts().map(Ok::<_, Infallible>))))
        .layer(layer(&RULES.replace("FAILURE", "failure = \"spool\""), &sink));
    let answer = ask(&app, request("POST", "/projects", &json!({}))).await;
    assert!(sink.given().is_empty(), "more than 64 KiB are not taken ahead");
    let mut reading = pin!(text(answer));
    assert!(reading.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    sink.decide(Fate::Taken);
    assert_eq!(reading.await.len(), 200_000);
}

#[tokio::test]
async fn an_answer_of_which_only_the_length_tells_that_it_is_empty_waits() {
    let sink = MemorySink::new();
    let app = sized(&[], false, &sink);
    let mut asking = pin!(ask(&app, request("POST", "/projects", &json!({}))));
    assert!(asking.as_mut().now_or_never().is_none());
    sink.decide(Fate::Taken);
    drop(asking.await);
    assert_eq!(sink.record().await.outcome(), "success");
}

#[tokio::test]
async fn what_is_kept_back_of_a_body_counts_as_still_to_come() {
    let sink = MemorySink::new();
    let app = sized(&["made"], true, &sink);
    let mut body = ask(&app, request("POST", "/projects", &json!({}))).await.into_body();
    assert!(body.frame().now_or_never().is_none());
    assert_eq!(body.size_hint().exact(), Some(4));
    assert!(!body.is_end_stream());
    sink.decide(Fate::Taken);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "made");
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn an_error_of_the_service_waits_until_its_record_is_spooled() {
    let sink = MemorySink::new();
    sink.decide(Fate::Held);
    let failing = service_fn(async |_| Err::<Response<Body>, _>("broken"));
    let service = layer(&RULES.replace("FAILURE", "failure = \"spool\""), &sink).layer(failing);
    let mut asking = pin!(service.oneshot(request("POST", "/projects", &json!({}))));
    assert!(asking.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "error");
    sink.decide(Fate::Taken);
    assert_eq!(asking.await.unwrap_err(), "broken");
    sink.record().await;
}
