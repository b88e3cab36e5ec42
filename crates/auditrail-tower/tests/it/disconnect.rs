//! Callers that go away, over real sockets.

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

use crate::sink::{Fate, MemorySink};
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
    let tell = Arc::clone(&started);
    let hang = post(async move || {
        tell.notify_one();
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
async fn a_caller_who_goes_away_while_the_handler_runs_is_recorded_as_such() {
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
    assert_eq!(from.as_deref(), Some("127.0.0.1"), "a stranger's X-Forwarded-For is not believed");
}

#[tokio::test]
async fn a_caller_who_goes_away_within_the_answer_is_recorded_with_its_status() {
    let Served { address, sink, .. } = serve().await;
    let mut socket = send(address, "/endless/1").await;
    let mut some = [0; 1_000];
    socket.read_exact(&mut some).await.unwrap();
    assert!(sink.given().is_empty());
    drop(socket);
    let record = sink.record().await;
    assert_eq!(
        (record.outcome(), record.meta("/http/status")),
        ("disconnected".to_owned(), json!(200))
    );
}

#[tokio::test]
async fn a_caller_who_goes_away_while_the_intent_is_written_leaves_the_intent_and_its_outcome() {
    let Served { address, sink, .. } = serve().await;
    sink.decide(Fate::Held);
    let socket = send(address, "/must/1").await;
    let intent = sink.record().await;
    drop(socket);
    // Others are answered meanwhile.
    let mut other = send(address, "/without/a/rule").await;
    let mut answer = [0; 12];
    other.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    sink.decide(Fate::Taken);
    let given = sink.records(2).await;
    let outcome = given.iter().find(|given| given.meta("/phase") == "outcome").unwrap();
    assert_eq!(outcome.meta("/intent_id"), json!(intent.input.id.unwrap()));
}

#[tokio::test]
async fn a_caller_who_stays_is_recorded_when_the_answer_is_written() {
    let Served { address, sink, .. } = serve().await;
    let mut socket = send(address, "/short/1").await;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(sink.record().await.outcome(), "success");
}
