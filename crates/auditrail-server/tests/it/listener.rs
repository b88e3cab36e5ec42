//! The listener and the outer middleware: request ids, headers, compression, head limits, shutdown.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use auditrail_server::{Connections, ServerConfig, ShuttingDown, serve};
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::client::Call;
use crate::support::service::{Running, Service, record};

#[tokio::test]
async fn a_well_formed_request_id_is_kept() {
    let service = Service::start().await;
    let list = || service.get("/v1/audit-logs").key("read");
    let answer = list().header("x-request-id", "req-1").send().await;
    assert_eq!(answer.header("x-request-id"), "req-1");
    let (long, spaced) = ("x".repeat(201), "a b".to_owned());
    for bad in [long, spaced] {
        let answer = list().header("x-request-id", &bad).send().await;
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{bad}");
    }
    let first = list().send().await.header("x-request-id").to_owned();
    assert_ne!(first, list().send().await.header("x-request-id"));
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let service = Service::start().await;
    for path in ["/v1/audit-logs", "/nothing"] {
        let answer = service.get(path).key("read").header("origin", "https://a.example");
        let answer = answer.send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn responses_are_compressed_on_request() {
    let service = Service::start().await;
    service.write((0..50).map(|number| record(number, None)).collect()).await;
    let plain = service.get("/v1/audit-logs").key("read").send().await;
    let packed = service.get("/v1/audit-logs").key("read").header("accept-encoding", "gzip");
    let packed = packed.send().await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() * 3 < plain.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
}

#[tokio::test]
async fn a_large_or_slow_request_head_closes_the_connection() {
    let config =
        ServerConfig { header_timeout: Duration::from_millis(200), ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let mut slow = TcpStream::connect(service.address).await.unwrap();
    slow.write_all(b"GET /v1/audit-logs HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));

    let many = "x".repeat(100 * 1_024);
    let mut large = TcpStream::connect(service.address).await.unwrap();
    let head = format!("GET /v1/audit-logs HTTP/1.1\r\nhost: a\r\nauthorization: {many}\r\n\r\n");
    // The server may close before it has read everything, as intended.
    drop(large.write_all(head.as_bytes()).await);
    let mut answer = Vec::new();
    drop(large.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_new_connection_replaces_an_idle_one_at_the_limit() {
    let config = ServerConfig { connections_max: 2, ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let mut keeping = TcpStream::connect(service.address).await.unwrap();
    let request = "GET /v1/audit-logs HTTP/1.1\r\nhost: a\r\nauthorization: Bearer read\r\n\r\n";
    keeping.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    keeping.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let mut strangers = Vec::new();
    for _ in 0..20 {
        strangers.push(TcpStream::connect(service.address).await.unwrap());
    }
    let mut first = strangers.remove(0);
    assert_eq!(first.read(&mut start).await.unwrap_or(0), 0, "the oldest is closed");
    assert_eq!(service.get("/v1/audit-logs").key("read").send().await.status.as_u16(), 200);
    // The connection with a key is still open.
    let close = request.replace("host: a", "host: a\r\nconnection: close");
    keeping.write_all(close.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    keeping.read_to_end(&mut rest).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&rest).matches("HTTP/1.1 200").count(), 1);
}

#[tokio::test]
async fn responses_without_a_valid_key_close_the_connection() {
    let service = Service::start().await;
    for (path, key, status, closes) in [
        ("/v1/audit-logs", None, 401, true),
        ("/v1/audit-logs", Some("unknown"), 401, true),
        ("/nothing", None, 404, true),
        ("/nothing", Some("read"), 404, true),
        ("/v1/audit-logs?limit=x", Some("read"), 400, false),
        ("/v1/audit-logs", Some("write"), 403, false),
        ("/v1/audit-logs", Some("read"), 200, false),
    ] {
        let call = service.get(path);
        let call = if let Some(key) = key { call.key(key) } else { call };
        let answer = call.send().await;
        assert_eq!(answer.status.as_u16(), status, "{path} {key:?}");
        assert_eq!(answer.header("connection") == "close", closes, "{path} {key:?}");
    }
}

#[tokio::test]
async fn shutdown_drains_requests_but_not_idle_connections() {
    let (running, waiting) = Waiting::start(ServerConfig::default()).await;
    let idle = TcpStream::connect(running.address).await.unwrap();
    let call = tokio::spawn(Call::new(running.address, "GET", "/").send());
    waiting.arrived.notified().await;
    let stopping = running.begin_stop();
    waiting.go_on.notify_one();
    assert_eq!(call.await.unwrap().body, "done");
    assert!(stopping.await.unwrap());
    drop(idle);
}

#[tokio::test]
async fn shutdown_accepts_requests_during_its_delay() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutting_down = ShuttingDown::default();
    let begun = shutting_down.begun(Duration::from_secs(3_600));
    let router = Router::new().route("/", get(async || "done"));
    let serving = tokio::spawn(async move {
        let connections = Connections::new(10, 10);
        serve(listener, router, &ServerConfig::default(), &connections, begun).await;
    });
    shutting_down.begin();
    // Without the delay the listener would be closed for at least one of these.
    for _ in 0..20 {
        assert_eq!(Call::new(address, "GET", "/").send().await.body, "done");
    }
    serving.abort();
}

#[tokio::test]
async fn shutdown_ends_after_its_grace_period() {
    let config =
        ServerConfig { shutdown_grace: Duration::from_millis(100), ..ServerConfig::default() };
    let (running, waiting) = Waiting::start(config).await;
    let call = tokio::spawn(Call::new(running.address, "GET", "/").try_send());
    waiting.arrived.notified().await;
    assert!(!running.stop().await);
    assert!(call.await.unwrap().is_err());
}

/// A request that blocks until it is released.
#[derive(Debug, Default)]
struct Waiting {
    arrived: Notify,
    go_on: Notify,
}

impl Waiting {
    async fn start(config: ServerConfig) -> (Running, Arc<Self>) {
        let waiting = Arc::new(Self::default());
        let inside = Arc::clone(&waiting);
        let handler = async move || {
            inside.arrived.notify_one();
            inside.go_on.notified().await;
            "done"
        };
        let router = Router::new().route("/", get(handler));
        (Running::start(router, config).await, waiting)
    }
}
