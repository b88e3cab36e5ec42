//! Callers that behave badly.

use std::net::SocketAddr;
use std::time::Duration;

use auditrail_core::{Actor, NewApiKey, RequestContext, Scope, ScopeSet};
use auditrail_store::{IssuedApiKey, PgApiKeys};
use auditrail_testkit::TestDb;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Creates a key with these scopes, restricted to a tenant if there is one.
pub(super) async fn key(db: &TestDb, scopes: &[Scope], tenant: Option<&str>) -> IssuedApiKey {
    let keys = PgApiKeys::new(PgPool::connect_with(db.service()).await.unwrap());
    let new = NewApiKey {
        env: "test".parse().unwrap(),
        name: None,
        scopes: ScopeSet::new(scopes.iter().copied()).unwrap(),
        tenant_id: tenant.map(|tenant| tenant.parse().unwrap()),
        expires_at: None,
    };
    keys.create(&new, &Actor::system(), &RequestContext::default()).await.unwrap()
}

/// Sends a request and closes the connection after a while, whatever the response.
pub(super) async fn abandon(to: SocketAddr, request: String, after: Duration) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    drop(timeout(after, stream.read_to_end(&mut response)).await);
}

/// A GET request that does not end its connection.
pub(super) fn get(path: &str, key: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n")
}

/// The request, after whose response the connection ends.
pub(super) fn closing(request: &str) -> String {
    request.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1)
}

/// A POST request with a JSON body.
pub(super) fn post(path: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Sends a request over a connection with a small receive buffer, and reads the head of the response.
pub(super) async fn start_slowly(to: SocketAddr, request: &str) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 1_024];
    let read = stream.read(&mut head).await.unwrap();
    (stream, String::from_utf8_lossy(&head[..read]).into_owned())
}
