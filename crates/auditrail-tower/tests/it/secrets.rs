//! Planted secrets reach no record, no `Debug` and no log.

use std::io;
use std::sync::{Arc, Mutex};

use auditrail_core::Actor;
use auditrail_tower::{AuditHandle, AuditLayer, Principal};
use axum::{Extension, Json, Router};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tower::{Layer as _, Service as _};

use crate::sink::{MemorySink, Verdict};
use crate::support::{policy, request, send, text};

const PLANTED: &str = "planted-secret-7f3a";

const POLICY: &str = r#"
failure = "spool"
redact = ["password", "/card/number", "x-session"]
[[rule]]
route = "/must/{*path}"
level = "request_response"
action = "app.used"
target_type = "route"
target_id = { path = "path" }
allow = ["/password", "/card", "/authorization", "/nested", "/key"]
failure = "must"
[[rule]]
route = "/{*path}"
level = "request_response"
action = "app.used"
target_type = "route"
target_id = { path = "path" }
allow = ["/password", "/card", "/authorization", "/nested", "/key"]
"#;

fn body() -> Value {
    json!({
        "password": PLANTED,
        "card": {"number": PLANTED, "until": "2030"},
        "authorization": PLANTED,
        "nested": [{"Cookie": PLANTED, "set-cookie": [PLANTED], "X-Api-Key": PLANTED, "kept": true}],
        "not_allowed": PLANTED,
    })
}

async fn handler(
    Extension(audit): Extension<AuditHandle>,
    Json(_): Json<Value>,
) -> (HeaderMap, Json<Value>) {
    audit.add_metadata("Password", PLANTED);
    audit.add_metadata("nested", json!({"cookie": PLANTED, "X-Session": PLANTED}));
    audit.diff(
        &json!({"password": PLANTED, "card": {"number": PLANTED}}),
        &json!({"password": format!("{PLANTED}2"), "card": {}}),
    );
    let cookie = HeaderValue::from_static(PLANTED);
    (HeaderMap::from_iter([(http::header::SET_COOKIE, cookie)]), Json(body()))
}

fn asked(path: &str) -> http::Request<axum::body::Body> {
    let mut asked = request("POST", &format!("{path}?token={PLANTED}"), &body());
    for name in ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-session"] {
        let value = HeaderValue::from_static(PLANTED);
        asked.headers_mut().insert(name, value);
    }
    asked
}

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_in_no_record_debug_or_log() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let sink = MemorySink::new();
    let audit = AuditLayer::new(policy(POLICY), sink.clone()).unwrap();
    let audit = audit.actor(|parts| {
        // What the application knows it by, not the secret itself.
        let known = parts.headers.get("authorization").is_some();
        known.then(|| Principal::new(Actor::user("ana").unwrap()).with_credential("session-1"))
    });
    let app = Router::new().route("/{*path}", axum::routing::post(handler)).layer(audit.clone());
    text(send(&app, asked("/plain")).await).await;
    text(send(&app, asked("/must/do")).await).await;
    let submissions = sink.records(3).await;
    for record in &submissions {
        assert_eq!(record.meta("/request/nested"), json!([{"kept": true}]));
        assert_eq!(record.meta("/request/card"), json!({"until": "2030"}));
    }
    // What fails is logged.
    sink.set_verdict(Verdict::Reject);
    text(send(&app, asked("/plain")).await).await;
    text(send(&app, asked("/must/do")).await).await;
    assert_eq!(audit.counts().failed, 1);

    // In the middle of a request, and of its body.
    sink.set_verdict(Verdict::Hold);
    let inner = tower::service_fn(|_| {
        std::future::pending::<Result<http::Response<axum::body::Body>, std::convert::Infallible>>()
    });
    let mut service = audit.layer(inner);
    let hanging = [service.call(asked("/must/do")), service.call(asked("/plain"))];
    let mut shown = format!("{audit:?} {service:?} {hanging:?} {:?}", audit.counts());
    drop(hanging);
    sink.set_verdict(Verdict::Accept);
    let reply = send(&app, asked("/plain")).await;
    shown.push_str(&format!("{:?}", reply.body()));
    text(reply).await;
    drop(guard);

    let records: Vec<String> = sink
        .submissions()
        .iter()
        .map(|submissions| serde_json::to_string(&submissions.input).unwrap())
        .collect();
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request rejected") && log.contains("record lost"), "{log}");
    for (what, text) in [("records", records.join("\n")), ("debug", shown), ("log", log)] {
        assert!(!text.contains(PLANTED), "in {what}: {text}");
    }
}
