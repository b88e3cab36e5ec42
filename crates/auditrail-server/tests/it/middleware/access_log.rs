//! Log lines of requests.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::client::Call;
use crate::support::lines::Lines;
use crate::support::service::{Service, record};

#[tokio::test]
async fn log_lines_contain_no_personal_data() {
    let lines = Lines::collect();
    let service = Service::start().await;
    let mut body = record(1, None);
    body["actor_id"] = "ada@private.example".into();
    body["metadata"] = json!({"password": "private.example"});
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let call = service.post("/v1/audit-logs").key("write").header("x-request-id", "req-1");
    let call = call.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
    personal(call).json(&body).send().await;
    let paths = ["", "/stats", "/private.example", "/export"];
    for path in paths {
        let path = format!("/v1/audit-logs{path}?actor_id=ada@private.example&format=csv");
        personal(service.get(&path)).key("all-private.example").send().await;
        personal(service.get(&path)).key("all").send().await;
    }
    let more = more_calls(&service, body).await;

    let lines = lines.collected();
    // On a busy machine the driver logs slow statements too.
    let completed: Vec<_> =
        lines.iter().filter(|line| line.contains("message=request completed")).collect();
    assert_eq!(completed.len(), 1 + 2 * paths.len() + more);
    let first = completed[0];
    for part in ["method=POST", "route=\"/v1/audit-logs\"", "status=201", "req-1", trace] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(lines.iter().any(|line| line.contains("route=\"/v1/audit-logs/{id}\"")));
    assert!(lines.iter().any(|line| line.contains("method=_OTHER")));
    let quiet = lines.iter().all(|line| !line.to_lowercase().contains("private.example"));
    assert!(quiet, "{lines:?}");
}

#[tokio::test]
async fn refused_records_are_logged_once_per_code_and_second() {
    let lines = Lines::collect();
    let service = Service::start().await;
    let mut body = record(1, None);
    body["actor_id"] = "".into();
    let skip = "/v1/audit-logs/batch?on_invalid=skip";
    let started = Instant::now();
    for _ in 0..20 {
        service.post("/v1/audit-logs").key("write").json(&body).send().await;
        service.post(skip).key("write").json(&json!([body, body])).send().await;
    }
    let lines = lines.collected();
    let refused: Vec<_> =
        lines.iter().filter(|line| line.contains("message=records refused")).collect();
    let first = refused[0];
    for part in ["code=\"empty\"", "records=1", "key_id=\"key-write\""] {
        assert!(first.contains(part), "{part}: {first}");
    }
    // One line per second, and not one per request.
    assert!(refused.len() as u64 <= 2 + started.elapsed().as_secs(), "{refused:?}");
}

/// Headers with personal data.
fn personal(call: Call) -> Call {
    call.header("user-agent", "agent@private.example")
        .header("baggage", "user=ada@private.example")
        .header("tracestate", "vendor=private.example")
        .header("cookie", "session=private.example")
        .header("x-forwarded-for", "private.example")
        .header("referer", "https://private.example/?token=1")
        .header("origin", "https://private.example")
}

/// Requests with different errors; returns their number.
async fn more_calls(service: &Service, mut body: Value) -> usize {
    let post = || service.post("/v1/audit-logs").key("all");
    let batch = || service.post("/v1/audit-logs/batch").key("all");
    let conflict = body.clone();
    body["target_id"] = "taken@private.example".into();
    let calls = [
        // An unknown field, an invalid value, malformed JSON.
        post().json(&json!({"private.example": "private.example"})),
        post().json(&json!({"actor_type": "private.example"})),
        post().body("application/json", "{private.example"),
        // Invalid media type, id and trace.
        post().body("private.example", "private.example"),
        post().header("idempotency-key", "private.example\tprivate.example").json(&body),
        service.get("/v1/audit-logs").key("read").header("traceparent", "00-private.example"),
        // Different content for an existing id, alone and in a batch.
        post().json(&body),
        batch().json(&json!([body, conflict])),
        batch().body("application/x-ndjson", "{\"private.example\":1}\nprivate.example"),
        // No key, another scheme, an unknown parameter, path and method.
        service.get("/v1/audit-logs").header("authorization", "Basic private.example"),
        service.get("/v1/audit-logs?private.example=private.example").key("read"),
        service.get("/private.example").key("read"),
        Call::new(service.address, "PRIVATE.EXAMPLE", "/v1/audit-logs").key("read"),
    ];
    let count = calls.len();
    for call in calls {
        assert!(!personal(call).send().await.status.is_server_error());
    }
    count
}
