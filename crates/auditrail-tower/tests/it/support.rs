//! Helpers of the tests.

use auditrail_core::Actor;
use auditrail_tower::{AuditLayer, Policy, Principal};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::sink::MemorySink;

/// The user of a request, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct User(pub(crate) &'static str);

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse(&format!("version = 1\n{text}"), "test.toml").unwrap()
}

/// A layer whose actor is the [`User`] of the request.
pub(crate) fn layer(policy_text: &str, sink: &MemorySink) -> AuditLayer {
    let layer = AuditLayer::new(policy(policy_text), sink.clone()).unwrap();
    layer.actor(|parts| {
        let user = parts.extensions.get::<User>()?;
        Some(Principal::new(Actor::user(user.0).unwrap()))
    })
}

/// A request with a JSON body, or without a body for null.
pub(crate) fn request(method: &str, uri: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri).extension(User("ana"));
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    let request = request.header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

/// Sends a request to an application in this process.
pub(crate) async fn send(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

/// The text of a body, read to its end.
pub(crate) async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Waits for a condition that a background task fulfils.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let polling = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::sink::TIMEOUT, polling).await.unwrap();
}
