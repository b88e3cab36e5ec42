//! When the end of an answer waits for its record: until it is on disk, and for nothing else.

use std::pin::pin;

use auditrail_core::FailurePolicy;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{delete, post};
use futures_util::FutureExt as _;
use serde_json::json;

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
async fn the_end_of_a_body_waits_until_its_record_is_spooled() {
    let sink = MemorySink::new();
    let answer = ask(&held("spool", &sink), request("POST", "/projects", &json!({}))).await;
    let mut reading = pin!(text(answer));
    assert!(reading.as_mut().now_or_never().is_none());
    assert_eq!(sink.record().await.outcome(), "success");
    assert!(reading.as_mut().now_or_never().is_none());
    sink.decide(Fate::Taken);
    assert_eq!(reading.await, "made");
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
    let answer = ask(&app, request("POST", "/projects", &json!({}))).await;
    let mut reading = pin!(text(answer));
    assert!(reading.as_mut().now_or_never().is_none());
    sink.decide(Fate::Refused);
    assert_eq!(reading.await, "made");
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
    let answer = ask(&app, request("POST", "/projects", &json!({}))).await;
    {
        let mut reading = pin!(text(answer));
        assert!(reading.as_mut().now_or_never().is_none());
    }
    {
        let mut asking = pin!(ask(&app, request("DELETE", "/projects/p1", &json!(null))));
        assert!(asking.as_mut().now_or_never().is_none());
    }
    sink.decide(Fate::Taken);
    let outcomes: Vec<_> = sink.records(2).await.iter().map(|given| given.outcome()).collect();
    assert_eq!(outcomes, ["success", "success"]);
}
