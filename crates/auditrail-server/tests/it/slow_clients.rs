//! Clients that send a request and do not read the response.

use std::time::Duration;

use auditrail_server::ServerConfig;
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
