//! What the service says in its own log.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Metadata, Subscriber};

use crate::service::{Service, record};

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
        metadata.target().starts_with("auditrail_server")
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
async fn a_request_is_a_line_without_anything_personal() {
    let lines = Lines { of: thread::current().id(), kept: Arc::default() };
    tracing::subscriber::set_global_default(lines.clone()).unwrap();
    tracing::callsite::rebuild_interest_cache();
    let service = Service::start().await;
    let mut body = record(1, None);
    body["actor_id"] = "ada@private.example".into();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let call = service.post("/v1/audit-logs").key("write").header("x-request-id", "req-1");
    let call = call.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
    call.header("user-agent", "agent@private.example").json(&body).send().await;
    let paths = ["", "/stats", "/private.example", "/export"];
    for path in paths {
        let path = format!("/v1/audit-logs{path}?actor_id=ada@private.example");
        service.get(&path).key("all-private.example").send().await;
        service.get(&path).key("all").send().await;
    }
    service.post("/v1/audit-logs").key("all").json(&json!({"x": "private.example"})).send().await;
    body["target_id"] = "taken@private.example".into();
    service.post("/v1/audit-logs").key("all").json(&body).send().await;

    let lines = lines.kept.lock().unwrap();
    let answered = lines.iter().filter(|line| line.contains("message=answered"));
    assert_eq!(answered.count(), 3 + 2 * paths.len());
    let first = &lines[0];
    for part in ["method=POST", "route=\"/v1/audit-logs\"", "status=201", "req-1", trace] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(lines.iter().any(|line| line.contains("route=\"/v1/audit-logs/{id}\"")));
    assert!(lines.iter().all(|line| !line.contains("private.example")), "{lines:?}");
}
