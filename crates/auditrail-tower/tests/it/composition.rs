//! The layer in various positions of a stack.

use std::convert::Infallible;

use auditrail_tower::{AuditHandle, AuditLayer, Principal};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};

use crate::sink::MemorySink;
use crate::support::{layer, policy, request, send, text};

const POLICY: &str = r#"
failure = "best_effort"
[[rule]]
name = "project"
methods = ["POST"]
route = "/v1/projects/{id}"
action = "project.updated"
target_type = "project"
target_id = { path = "id" }
"#;

async fn target_of(app: &Router, sink: &MemorySink, path: &str) -> String {
    text(send(app, request("POST", path, &Value::Null)).await).await;
    sink.record().await.input.target.to_string()
}

#[tokio::test]
async fn wraps_nested_services_and_fallbacks() {
    let echo = service_fn(async |request: Request| {
        Ok::<_, Infallible>(request.uri().path().to_owned().into_response())
    });
    let nested = Router::new().nest_service("/v1", echo);
    let fallback = Router::new().fallback(async || "proxied");
    for app in [nested, fallback] {
        let sink = MemorySink::new();
        let app = app.layer(layer(POLICY, &sink));
        assert_eq!(target_of(&app, &sink, "/v1/projects/p%2F1/").await, "project:p/1");
    }
}

#[tokio::test]
async fn nested_router_matches_the_whole_path() {
    let sink = MemorySink::new();
    let inner =
        Router::new().route("/projects/{id}", any(async || "ok")).layer(layer(POLICY, &sink));
    let app = Router::new().nest("/v1", inner);
    assert_eq!(target_of(&app, &sink, "/v1/projects/p-1").await, "project:p-1");
}

#[tokio::test]
async fn nested_layers_of_one_policy_record_once() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let app = Router::new()
        .route("/v1/projects/{id}", any(async || "ok"))
        .layer(audit.clone())
        .layer(audit.clone());
    assert_eq!(target_of(&app, &sink, "/v1/projects/p-1").await, "project:p-1");
    assert_eq!(audit.counts().overruled, 0, "it is the same policy");
}

#[tokio::test]
async fn layer_inside_another_policy_only_counts() {
    let sink = MemorySink::new();
    let inner = layer(POLICY, &sink);
    let app = Router::new()
        .route("/v1/projects/{id}", any(async || "ok"))
        .layer(inner.clone())
        .layer(layer(POLICY, &sink));
    assert_eq!(target_of(&app, &sink, "/v1/projects/p-1").await, "project:p-1");
    let counts = inner.counts();
    assert_eq!((counts.recorded, counts.overruled), (0, 1));
}

/// Rejects all users except `ana`, and sets the principal.
async fn authenticate(request: Request, next: Next) -> Response {
    let audit = request.extensions().get::<AuditHandle>().cloned();
    match request.headers().get("x-user") {
        Some(user) if user == "ana" => {
            let principal = Principal::new(auditrail_core::Actor::user("ana").unwrap());
            if let Some(audit) = audit {
                audit.set_principal(principal);
            }
            next.run(request).await
        }
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[tokio::test]
async fn layer_around_authentication_records_rejections() {
    let sink = MemorySink::new();
    let audit = AuditLayer::new(policy(POLICY), sink.clone()).unwrap();
    let app = Router::new()
        .route("/v1/projects/{id}", any(async || "ok"))
        .layer(from_fn(authenticate))
        .layer(audit);
    for user in ["ana", "eve"] {
        let mut asked = request("POST", "/v1/projects/p-1", &Value::Null);
        asked.headers_mut().insert("x-user", user.parse().unwrap());
        text(send(&app, asked).await).await;
    }
    let seen: Vec<String> = sink
        .records(2)
        .await
        .iter()
        .map(|submissions| format!("{} {}", submissions.input.actor, submissions.outcome()))
        .collect();
    assert_eq!(seen, ["user:ana success", "user:anonymous failure"]);
}

#[tokio::test]
async fn handle_is_an_axum_extractor() {
    let sink = MemorySink::new();
    let routes = || {
        Router::new().route(
            "/v1/projects/{id}",
            any(async |audit: AuditHandle| audit.set_target_id("named")),
        )
    };
    let app = routes().layer(layer(POLICY, &sink));
    assert_eq!(target_of(&app, &sink, "/v1/projects/p-1").await, "project:named");
    let without = send(&routes(), request("POST", "/v1/projects/p-1", &Value::Null)).await;
    assert_eq!(without.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn wraps_tower_services_with_any_body() {
    let sink = MemorySink::new();
    let service = ServiceBuilder::new().layer(layer(POLICY, &sink)).service(service_fn(
        async |request: http::Request<auditrail_tower::RequestBody<Full<Bytes>>>| {
            let body = request.into_body().collect().await?.to_bytes();
            Ok::<_, Infallible>(http::Response::new(Full::new(body)))
        },
    ));
    let asked = http::Request::post("https://api.example.org/v1/projects/p-1")
        .body(Full::from("text"))
        .unwrap();
    let response = service.oneshot(asked).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "text");
    assert_eq!(sink.record().await.input.target.to_string(), "project:p-1");
}

#[tokio::test]
async fn wraps_hyper_services_with_absolute_urls() {
    let sink = MemorySink::new();
    let service = layer(POLICY, &sink).layer(service_fn(async |request: http::Request<_>| {
        let body: auditrail_tower::RequestBody<hyper::body::Incoming> = request.into_body();
        Ok::<_, hyper::Error>(http::Response::new(Full::new(body.collect().await?.to_bytes())))
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(service);
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(socket), service)
            .await
    });
    let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    // As a client asks its proxy.
    let asked = http::Request::post("http://api.example.org/v1/projects/p-1")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(asked).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("x-request-id"));
    response.into_body().collect().await.unwrap();
    assert_eq!(sink.record().await.input.target.to_string(), "project:p-1");
}

#[tokio::test]
async fn size_hints_are_preserved() {
    let sink = MemorySink::new();
    let app = Router::new()
        .route(
            "/v1/projects/{id}",
            any(async |request: Request| {
                use http_body::Body as _;
                let hint = request.body().size_hint();
                format!("{:?} {:?}", hint.exact(), request.body().is_end_stream())
            }),
        )
        .layer(layer(POLICY, &sink));
    for (body, expected) in
        [(Body::from("12345"), "Some(5) false"), (Body::empty(), "Some(0) true")]
    {
        let mut asked = request("POST", "/v1/projects/p-1", &Value::Null);
        *asked.body_mut() = body;
        let response = send(&app, asked).await;
        assert_eq!(
            http_body::Body::size_hint(response.body()).exact(),
            Some(expected.len() as u64)
        );
        assert_eq!(text(response).await, expected);
    }
}

#[tokio::test]
async fn response_body_has_a_default() {
    let body = auditrail_tower::ResponseBody::<Body>::default();
    assert!(http_body::Body::is_end_stream(&body));
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
}
