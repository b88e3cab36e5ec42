//! Requests as bytes, over connections that behave badly, and the keys for them.

use std::net::SocketAddr;
use std::time::Duration;

use auditrail_core::{Actor, NewApiKey, RequestContext, ScopeSet};
use auditrail_store::PgApiKeys;
use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long any response may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// A key with every scope, restricted to a tenant.
pub(super) async fn tenant_key(db: &TestDb, tenant: &str) -> String {
    let keys = PgApiKeys::new(PgPool::connect_with(db.service()).await.unwrap());
    let new = NewApiKey {
        env: "test".parse().unwrap(),
        name: None,
        scopes: ScopeSet::new(auditrail_core::Scope::ALL).unwrap(),
        tenant_id: Some(tenant.parse().unwrap()),
        expires_at: None,
    };
    let issued = keys.create(&new, &Actor::system(), &RequestContext::default()).await.unwrap();
    issued.secret.expose().to_owned()
}

/// A record whose metadata has a number of bytes.
pub(super) fn record(target: &str, bytes: usize) -> Value {
    json!({
        "actor_type": "user", "actor_id": "ana", "action": "project.created",
        "target_type": "project", "target_id": target, "metadata": {"p": "z".repeat(bytes)},
    })
}

/// The head of a request with a key and a JSON body.
pub(super) fn head(method: &str, path: &str, key: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Connects with a receive buffer of a size, and sends some bytes.
pub(super) async fn connect(to: SocketAddr, buffer: Option<u32>, bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = buffer {
        socket.set_recv_buffer_size(size).unwrap();
    }
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the connection is closed, and whether it was within [`PATIENCE`].
pub(super) async fn read_to_end(stream: &mut TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    (String::from_utf8_lossy(&bytes).into_owned(), reading.is_ok())
}

/// The status codes of all responses in a text.
pub(super) fn statuses(text: &str) -> Vec<u16> {
    let starts = text.split("HTTP/1.").skip(1);
    starts.filter_map(|rest| rest.get(2..5)?.parse().ok()).collect()
}
