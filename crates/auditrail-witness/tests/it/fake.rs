//! Servers that are not a witness.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use auditrail_witness::WitnessClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::witness_key;

/// Sends the same bytes as the response to each request.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Fake {
    /// Each connection has one request. `endless` is sent after the response until the connection is closed.
    pub(crate) async fn start(response: Vec<u8>, endless: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Relaxed);
                tokio::spawn(respond(stream, response.clone(), endless));
            }
        });
        Self { address, requests }
    }

    pub(crate) async fn with_status(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}");
        Self::start(format!("{head}\r\n\r\n{body}").into_bytes(), None).await
    }

    /// How many connections there were.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    pub(crate) fn client(&self, timeout: std::time::Duration) -> WitnessClient {
        let url = format!("http://{}", self.address);
        WitnessClient::new(&url, vec![witness_key(9).verifier()], timeout).unwrap()
    }
}

async fn respond(mut stream: TcpStream, response: Vec<u8>, endless: Option<&'static [u8]>) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if stream.write_all(&response).await.is_err() {
        return;
    }
    if let Some(bytes) = endless {
        while stream.write_all(bytes).await.is_ok() {}
    } else if response.is_empty() {
        // Never answers: waits for the client to leave.
        drop(stream.read_to_end(&mut request).await);
    }
}

/// Whether a request has its body.
fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.unwrap().parse().unwrap()
}
