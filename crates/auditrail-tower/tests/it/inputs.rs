//! What is recorded of bodies, headers and addresses. Bodies pass unchanged.

use std::net::{IpAddr, SocketAddr};

use auditrail_core::Actor;
use auditrail_tower::{AuditHandle, AuditLayer, PeerAddr, Principal};
use axum::body::Body;
use axum::routing::{any, put};
use axum::{Json, Router};
use futures_util::stream;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::sink::{MemorySink, Submission};
use crate::support::{layer, policy, request, send, text};

const POLICY: &str = r#"
failure = "best_effort"
trusted_proxies = ["10.0.0.0/8"]
[[rule]]
name = "changed"
methods = ["PUT"]
route = "/things/{id}"
level = "request"
action = "thing.updated"
target_type = "thing"
target_id = { body = "/id" }
tenant_id = { header = "X-Tenant" }
allow = ["/name", "/text", "/list/1/n"]
[[rule]]
name = "made"
methods = ["POST"]
route = "/things"
level = "request_response"
action = "thing.created"
target_type = "thing"
target_id = { response = "/id" }
tenant_id = { value = "all" }
allow = ["/id"]
[[rule]]
name = "seen"
methods = ["GET"]
route = "/things/{id}"
action = "thing.accessed"
target_type = "thing"
target_id = { header = "x-thing" }
"#;

fn app(sink: &MemorySink) -> Router {
    Router::new()
        .route("/things/{id}", put(async |body: String| body).get(async || "ok"))
        .route("/things", any(async |body: Body| ([("content-type", "application/json")], body)))
        .layer(layer(POLICY, sink))
}

async fn recorded(
    method: &str,
    path: &str,
    body: &Value,
    headers: &[(&'static str, &'static str)],
) -> Submission {
    let sink = MemorySink::new();
    let mut asked = request(method, path, body);
    for (name, value) in headers {
        asked.headers_mut().append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    text(send(&app(&sink), asked).await).await;
    sink.record().await
}

#[tokio::test]
async fn ids_come_from_body_response_or_header() {
    let by_body =
        recorded("PUT", "/things/x", &json!({"id": 3}), &[("x-tenant", "t1"), ("x-tenant", "t2")])
            .await;
    assert_eq!(by_body.input.target.to_string(), "thing:3");
    assert_eq!(by_body.input.tenant_id.unwrap().as_str(), "t1, t2");
    let by_answer = recorded("POST", "/things", &json!({"id": "p-1"}), &[]).await;
    assert_eq!(by_answer.input.target.to_string(), "thing:p-1");
    assert_eq!(by_answer.input.tenant_id.as_ref().unwrap().as_str(), "all");
    assert_eq!(by_answer.meta("/response"), json!({"id": "p-1"}));
    let by_header = recorded("GET", "/things/x", &Value::Null, &[("x-thing", "p-2")]).await;
    assert_eq!(by_header.input.target.to_string(), "thing:p-2");
}

#[tokio::test]
async fn sensitive_headers_are_not_recorded() {
    let sink = MemorySink::new();
    let mut asked = request("GET", "/things/x", &Value::Null);
    for name in ["x-thing", "user-agent"] {
        let mut planted = HeaderValue::from_static("planted");
        planted.set_sensitive(true);
        asked.headers_mut().insert(name, planted);
    }
    text(send(&app(&sink), asked).await).await;
    let record = sink.record().await;
    assert_eq!(record.input.target.to_string(), "thing:unknown");
    assert_eq!(record.input.context.user_agent, None);
}

#[tokio::test]
async fn missing_ids_are_unknown_and_counted() {
    for body in
        [json!({}), json!({"id": ""}), json!({"id": true}), json!({"id": {"id": 1}}), json!([1])]
    {
        let sink = MemorySink::new();
        let audit = layer(POLICY, &sink);
        let app = Router::new()
            .route("/things/{id}", put(async |body: String| body))
            .layer(audit.clone());
        text(send(&app, request("PUT", "/things/x", &body)).await).await;
        assert_eq!(sink.record().await.input.target.target_id.as_str(), "unknown", "{body}");
        assert_eq!(audit.counts().unknown_targets, 1);
    }
}

#[tokio::test]
async fn array_elements_are_recorded_by_index() {
    let record =
        recorded("PUT", "/things/x", &json!({"id": "a", "list": [{"n": 1}, {"n": 2}]}), &[]).await;
    assert_eq!(record.meta("/request"), json!({"list": {"1": {"n": 2}}}));
}

#[tokio::test]
async fn input_is_truncated_and_cleaned() {
    let body = json!({"id": "a\0b\n".repeat(300), "name": "n\0", "text": "t".repeat(60_000)});
    let odd = recorded("PUT", "/things/x", &body, &[("user-agent", "caf\u{e9}\tx")]).await;
    assert_eq!(odd.input.target.target_id.as_str().chars().count(), 500);
    assert!(odd.input.target.target_id.as_str().starts_with("a\u{fffd}b\u{fffd}a"));
    assert_eq!(odd.meta("/request/name"), "n\u{fffd}");
    assert_eq!(odd.input.context.user_agent.unwrap().as_str(), "caf\u{e9}\u{fffd}x");
}

#[tokio::test]
async fn other_bodies_pass_without_capture() {
    let sink = MemorySink::new();
    let app = app(&sink);
    let large = json!({"id": "p", "text": "x".repeat(70_000)}).to_string();
    for (kind, body) in [
        ("application/json", large.as_str()),
        ("text/plain", "id=1"),
        ("application/json", "{\"id\":1"),
    ] {
        let mut asked = request("PUT", "/things/x", &Value::Null);
        asked.headers_mut().insert("content-type", HeaderValue::from_str(kind).unwrap());
        *asked.body_mut() = Body::from(body.to_owned());
        assert!(text(send(&app, asked).await).await == body);
    }
    let submissions = sink.records(3).await;
    assert!(
        submissions
            .iter()
            .all(|submission| submission.input.target.target_id.as_str() == "unknown")
    );
    assert!(submissions.iter().all(|submission| submission.meta("/request") == Value::Null));
}

#[tokio::test]
async fn chunked_bodies_are_captured() {
    let sink = MemorySink::new();
    let pieces = ["{\"id\"", ":\"p-", "1\"}"].map(Ok::<_, std::io::Error>);
    let mut asked = request("PUT", "/things/x", &Value::Null);
    asked.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    *asked.body_mut() = Body::from_stream(stream::iter(pieces));
    text(send(&app(&sink), asked).await).await;
    assert_eq!(sink.record().await.input.target.to_string(), "thing:p-1");
}

#[tokio::test]
async fn unread_bodies_are_not_captured() {
    let sink = MemorySink::new();
    let app =
        Router::new().route("/things/{id}", put(async || "unread")).layer(layer(POLICY, &sink));
    text(send(&app, request("PUT", "/things/x", &json!({"id": "p"}))).await).await;
    assert_eq!(sink.record().await.input.target.target_id.as_str(), "unknown");
}

#[tokio::test]
async fn valid_request_ids_are_kept_and_reach_the_handler() {
    for (value, kept) in [("r-1", true), ("", false), ("two words", false), ("caf\u{e9}", false)] {
        let sink = MemorySink::new();
        let app = Router::new()
            .route(
                "/things/{id}",
                put(async |headers: http::HeaderMap| {
                    headers["x-request-id"].clone().as_bytes().to_vec()
                }),
            )
            .layer(layer(POLICY, &sink));
        let mut asked = request("PUT", "/things/x", &json!({"id": "p"}));
        asked
            .headers_mut()
            .insert("x-request-id", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        let response = send(&app, asked).await;
        let answered = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(answered == value, kept, "{value}");
        assert_eq!(text(response).await, answered);
        assert_eq!(sink.record().await.input.context.request_id.unwrap().as_str(), answered);
    }
    let twice =
        recorded("PUT", "/things/x", &json!({}), &[("x-request-id", "a"), ("x-request-id", "b")])
            .await;
    assert!(twice.input.context.request_id.unwrap().as_str().len() > 1);
    let long: &'static str = Box::leak("x".repeat(201).into_boxed_str());
    let long = recorded("PUT", "/things/x", &json!({}), &[("x-request-id", long)]).await;
    assert_eq!(long.input.context.request_id.unwrap().as_str().len(), 36);
}

#[tokio::test]
async fn only_trusted_proxies_set_the_address() {
    let peer = |text: &str| SocketAddr::new(text.parse().unwrap(), 5_000);
    let address =
        |record: &Submission| record.input.context.ip_address.map(|address| address.to_string());
    for (socket, expected) in [("203.0.113.1", "203.0.113.1"), ("10.1.2.3", "198.51.100.1")] {
        let sink = MemorySink::new();
        let mut asked = request("PUT", "/things/x", &json!({}));
        asked
            .headers_mut()
            .insert("x-forwarded-for", HeaderValue::from_static("1.1.1.1, 198.51.100.1"));
        asked.extensions_mut().insert(PeerAddr(peer(socket)));
        text(send(&app(&sink), asked).await).await;
        assert_eq!(address(&sink.record().await).as_deref(), Some(expected));
    }
    let without_peer =
        recorded("PUT", "/things/x", &json!({}), &[("x-forwarded-for", "1.1.1.1")]).await;
    assert_eq!(address(&without_peer), None, "no address without a peer");

    let sink = MemorySink::new();
    let audit = AuditLayer::new(policy(POLICY), sink.clone())
        .unwrap()
        .peer(|_| Some(IpAddr::from([192, 0, 2, 1])));
    let app = Router::new().route("/things/{id}", put(async || "ok")).layer(audit);
    text(send(&app, request("PUT", "/things/x", &json!({}))).await).await;
    assert_eq!(address(&sink.record().await).as_deref(), Some("192.0.2.1"));

    let sink = MemorySink::new();
    let audit = AuditLayer::new(policy(POLICY), sink.clone())
        .unwrap()
        .peer(|_| panic!("a bug of the peer callback"));
    let app = Router::new().route("/things/{id}", put(async || "ok")).layer(audit);
    text(send(&app, request("PUT", "/things/x", &json!({}))).await).await;
    assert_eq!(address(&sink.record().await), None, "the request goes on");
}

#[tokio::test]
async fn actor_callback_sets_the_principal() {
    let sink = MemorySink::new();
    let audit = AuditLayer::new(policy(POLICY), sink.clone()).unwrap().actor(|parts| {
        let user = parts.headers.get("x-user")?.to_str().ok()?;
        assert_ne!(user, "broken", "a bug of the actor callback");
        let principal = Principal::new(Actor::api_key(user).ok()?);
        let principal = principal.with_name("Deploy\nbot").with_tenant("t9");
        Some(principal.impersonated_by("user:root").with_credential("key-1"))
    });
    let app = Router::new()
        .route(
            "/things/{id}",
            put(async |handle: AuditHandle, Json(_): Json<Value>| {
                handle.set_target_name("Apollo".repeat(100));
            }),
        )
        .layer(audit.clone());
    for user in ["deploy", "broken", ""] {
        let mut asked = request("PUT", "/things/x", &json!({"id": "p"}));
        if !user.is_empty() {
            asked.headers_mut().insert("x-user", HeaderValue::from_str(user).unwrap());
        }
        text(send(&app, asked).await).await;
    }
    let submissions = sink.records(3).await;
    let actors: Vec<String> =
        submissions.iter().map(|submission| submission.input.actor.to_string()).collect();
    assert_eq!(actors, ["api_key:deploy", "user:unknown", "user:anonymous"]);
    assert_eq!(submissions[0].meta("/impersonator"), "user:root");
    assert_eq!(submissions[0].meta("/credential_id"), "key-1");
    let names = &submissions[0].input;
    assert_eq!(names.actor_name.as_ref().unwrap().as_str(), "Deploy\u{fffd}bot");
    assert_eq!(names.target_name.as_ref().unwrap().as_str().chars().count(), 200);
    assert_eq!(submissions[2].input.actor_name, None);
    assert_eq!(submissions[0].input.tenant_id.as_ref().unwrap().as_str(), "t9");
    assert_eq!(audit.counts().unknown_actors, 1);
}
