//! Trace export, as a collector receives it.
//!
//! A program of its own with a single test: the subscriber of a process can be set once, and what one
//! thread's subscriber wants is forgotten when another thread meets a span first.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collector;

use std::net::SocketAddr;

use auditrail_core::CursorKey;
use auditrail_server::otlp::Traces;
use auditrail_server::{
    App, AuthError, Authenticator, GroupWrites, Principal, ServerConfig, limits, router, serve,
};
use auditrail_store::{GroupWriter, PgAuditLog, WriterLimits};
use auditrail_testkit::TestDb;
use auditrail_testkit::http::Call;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;

use collector::Collector;

/// Refuses every token.
struct RefuseAll;

impl Authenticator for RefuseAll {
    fn authenticate<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Principal, AuthError>> {
        Box::pin(async { Err(AuthError::Refused) })
    }
}

#[tokio::test]
async fn a_request_is_a_span_of_its_traceparent_without_personal_data() {
    let collector = Collector::start().await;
    let traces = Traces::start(&format!("http://{}", collector.address)).unwrap();
    let subscriber = tracing_subscriber::registry().with(traces.layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let db = TestDb::migrated().await;
    let address = service(&db).await;

    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let call = |path: &str, traceparent: &str| {
        let call = Call::new(address, "GET", path).key("private.example");
        let call =
            call.header("user-agent", "private.example").header("baggage", "a=private.example");
        call.header("traceparent", traceparent).send()
    };
    let sampled = format!("00-{trace}-{parent}-01");
    call("/v1/audit-logs?actor_id=private.example", &sampled).await;
    call("/private.example", "private.example").await;
    call("/openapi.json", &format!("00-{trace}-{parent}-00")).await;
    traces.close().await;

    let spans = collector.spans(2).await;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET /v1/audit-logs", "GET"], "what is not sampled is not sent");
    let (listed, unknown) = (&spans[0], &spans[1]);
    assert_eq!((hex(&listed.trace_id), hex(&listed.parent_span_id)), (trace.into(), parent.into()));
    assert!(unknown.trace_id != listed.trace_id && unknown.parent_span_id.is_empty());
    assert_eq!(collector::attribute(listed, "http.route"), "/v1/audit-logs");
    assert_eq!(collector::attribute(listed, "http.response.status_code"), "401");
    assert_eq!(collector::attribute(unknown, "http.response.status_code"), "404");
    assert!(spans.iter().all(|span| span.events.is_empty()));
    assert!(!format!("{spans:?}").contains("private.example"), "{spans:?}");
}

async fn service(db: &TestDb) -> SocketAddr {
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let config = ServerConfig::default();
    let writer = GroupWriter::start(db.service(), WriterLimits::default());
    let app = App::new(
        config.clone(),
        log.clone(),
        RefuseAll,
        GroupWrites::new(writer, log, limits::WRITE_TIMEOUT),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = std::future::pending();
    let connections = app.connections().clone();
    tokio::spawn(async move { serve(listener, router(app), &config, &connections, never).await });
    address
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
