//! What the service says in its own log.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::client::Call;
use crate::support::service::{Service, record};

/// Keeps the lines that the service of one thread writes, a field after the other.
#[derive(Clone, Debug)]
struct Lines {
    of: ThreadId,
    kept: Arc<Mutex<Vec<String>>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Of other crates, what an operator sees unless they ask for more.
        metadata.target().starts_with("auditrail_server") || *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        if thread::current().id() == self.of {
            self.kept.lock().unwrap().push(line.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The runtime of a test has one thread, so the lines of its service are those of this thread. The
/// subscriber is that of the whole process all the same: what one thread's subscriber wants is
/// forgotten when another thread meets a line first.
#[tokio::test]
async fn log_lines_contain_no_personal_data() {
    let lines = Lines { of: thread::current().id(), kept: Arc::default() };
    tracing::subscriber::set_global_default(lines.clone()).unwrap();
    tracing::callsite::rebuild_interest_cache();
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

    let lines = lines.kept.lock().unwrap();
    // On a busy machine the driver has lines of its own, about statements that took long.
    let answered: Vec<_> =
        lines.iter().filter(|line| line.contains("message=request completed")).collect();
    assert_eq!(answered.len(), 1 + 2 * paths.len() + more);
    let first = answered[0];
    for part in ["method=POST", "route=\"/v1/audit-logs\"", "status=201", "req-1", trace] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(lines.iter().any(|line| line.contains("route=\"/v1/audit-logs/{id}\"")));
    assert!(lines.iter().any(|line| line.contains("method=_OTHER")));
    let quiet = lines.iter().all(|line| !line.to_lowercase().contains("private.example"));
    assert!(quiet, "{lines:?}");
}

/// Headers that hold what is nobody's business.
fn personal(call: Call) -> Call {
    call.header("user-agent", "agent@private.example")
        .header("baggage", "user=ada@private.example")
        .header("tracestate", "vendor=private.example")
        .header("cookie", "session=private.example")
        .header("x-forwarded-for", "private.example")
        .header("referer", "https://private.example/?token=1")
        .header("origin", "https://private.example")
}

/// Calls that go wrong, each in its own way; gives how many.
async fn more_calls(service: &Service, mut body: Value) -> usize {
    let post = || service.post("/v1/audit-logs").key("all");
    let batch = || service.post("/v1/audit-logs/batch").key("all");
    let conflict = body.clone();
    body["target_id"] = "taken@private.example".into();
    let calls = [
        // A field that is unknown, a value that is wrong, a text that is no JSON.
        post().json(&json!({"private.example": "private.example"})),
        post().json(&json!({"actor_type": "private.example"})),
        post().body("application/json", "{private.example"),
        // A media type, an id and a trace that are wrong.
        post().body("private.example", "private.example"),
        post().header("idempotency-key", "private.example\tprivate.example").json(&body),
        service.get("/v1/audit-logs").key("read").header("traceparent", "00-private.example"),
        // Other content under an id that is taken, alone and in a batch.
        post().json(&body),
        batch().json(&json!([body, conflict])),
        batch().body("application/x-ndjson", "{\"private.example\":1}\nprivate.example"),
        // No key at all, another scheme, a parameter, a path and a method that nobody knows.
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
