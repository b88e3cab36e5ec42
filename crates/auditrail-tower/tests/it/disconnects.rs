//! Callers that disconnect, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::sink::{MemorySink, Verdict};
use crate::support::layer;

const POLICY: &str = r#"
failure = "spool"
trusted_proxies = ["10.0.0.0/8"]
[[rule]]
methods = ["POST"]
route = "/must/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
failure = "must"
[[rule]]
route = "/{kind}/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
"#;

/// An application on a port of this machine.
struct Served {
    address: SocketAddr,
    sink: MemorySink,
    /// The handler runs.
    started: Arc<Notify>,
}

async fn serve() -> Served {
    let sink = MemorySink::new();
    let started = Arc::new(Notify::new());
    let notify = Arc::clone(&started);
    let hang = post(async move || {
        notify.notify_one();
        std::future::pending::<()>().await;
    });
    let endless = post(async || {
        let parts = stream::repeat(Bytes::from(vec![b'x'; 65_536]));
        Body::from_stream(parts.map(Ok::<_, std::io::Error>))
    });
    let app = Router::new()
        .route("/hang/{id}", hang.clone())
        .route("/must/{id}", hang)
        .route("/endless/{id}", endless)
        .route("/short/{id}", post(async || "done"))
        .layer(layer(POLICY, &sink))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Served { address, sink, started }
}

async fn send(address: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.1\r\ncontent-length: 0\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tokio::test]
async fn disconnect_during_the_handler_is_recorded() {
    let Served { address, sink, started } = serve().await;
    let socket = send(address, "/hang/1").await;
    started.notified().await;
    drop(socket);
    let record = sink.record().await;
    assert_eq!(
        (record.outcome(), record.meta("/http/status")),
        ("disconnected".to_owned(), Value::Null)
    );
    let from = record.input.context.ip_address.map(|address| address.to_string());
    assert_eq!(
        from.as_deref(),
        Some("127.0.0.1"),
        "X-Forwarded-For of an untrusted peer is ignored"
    );
}

#[tokio::test]
async fn disconnect_during_the_response_keeps_its_status() {
    let Served { address, sink, .. } = serve().await;
    let mut socket = send(address, "/endless/1").await;
    let mut some = [0; 1_000];
    socket.read_exact(&mut some).await.unwrap();
    assert!(sink.submissions().is_empty());
    drop(socket);
    let record = sink.record().await;
    assert_eq!(
        (record.outcome(), record.meta("/http/status")),
        ("disconnected".to_owned(), json!(200))
    );
}

#[tokio::test]
async fn disconnect_during_the_intent_records_an_outcome() {
    let Served { address, sink, .. } = serve().await;
    sink.set_verdict(Verdict::Hold);
    let socket = send(address, "/must/1").await;
    let intent = sink.record().await;
    drop(socket);
    // Others are answered meanwhile.
    let mut other = send(address, "/without/a/rule").await;
    let mut reply = [0; 12];
    other.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 404");
    sink.set_verdict(Verdict::Accept);
    let submissions = sink.records(2).await;
    let outcome =
        submissions.iter().find(|submission| submission.meta("/phase") == "outcome").unwrap();
    assert_eq!(outcome.meta("/intent_id"), json!(intent.input.id.unwrap()));
}

#[tokio::test]
async fn complete_response_is_recorded_as_success() {
    let Served { address, sink, .. } = serve().await;
    let mut socket = send(address, "/short/1").await;
    let mut reply = [0; 12];
    socket.read_exact(&mut reply).await.unwrap();
    assert_eq!(sink.record().await.outcome(), "success");
}
