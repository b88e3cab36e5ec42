//! Clients that send a request and do not read the response, or not fast enough.

use std::sync::Arc;
use std::time::Duration;

use auditrail_server::ServerConfig;
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::service::Running;

/// Far more than the kernel buffers for a connection.
const BODY_BYTES: usize = 64 * 1_024 * 1_024;

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let config = ServerConfig {
        stall_timeout: Duration::from_millis(200),
        // The next connection is served only after the first was closed.
        connections_max: 1,
        ..ServerConfig::default()
    };
    let router = Router::new()
        .route("/large", get(async || vec![b'x'; BODY_BYTES]))
        .route("/small", get(async || "done"));
    let running = Running::start(router, config).await;
    let mut reader = TcpStream::connect(running.address).await.unwrap();
    reader.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut start = [0; 15];
    reader.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    assert_eq!(running.get("/small").send().await.body, "done");
    let mut rest = Vec::new();
    // The connection may also be reset, which is as good.
    drop(reader.read_to_end(&mut rest).await);
    assert!(rest.len() < BODY_BYTES);
}

#[tokio::test]
async fn a_client_below_the_minimum_rate_is_disconnected() {
    let config = ServerConfig {
        stall_timeout: Duration::from_secs(1),
        response_min_rate: 100 * 1_024 * 1_024,
        ..ServerConfig::default()
    };
    let router = Router::new().route("/large", get(async || vec![b'x'; BODY_BYTES]));
    let running = Running::start(router, config).await;
    let mut reader = TcpStream::connect(running.address).await.unwrap();
    reader.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    // It always reads something within the timeout, but little.
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let (mut read, mut buffer) = (0, vec![0; 100 * 1_024]);
    loop {
        ticks.tick().await;
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(bytes) => read += bytes,
        }
    }
    assert!(read < BODY_BYTES, "{read}");
}

/// Notifies when it is dropped.
struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_read_of_a_vanished_client_is_abandoned() {
    let (started, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let inside = (Arc::clone(&started), Arc::clone(&ended));
    let handler = async move || {
        let _ending = NotifyOnDrop(Arc::clone(&inside.1));
        inside.0.notify_one();
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", get(handler));
    let running = Running::start(router, ServerConfig::default()).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    started.notified().await;
    drop(client);
    tokio::time::timeout(Duration::from_secs(10), ended.notified()).await.unwrap();
}
