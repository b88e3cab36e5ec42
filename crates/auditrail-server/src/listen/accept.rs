//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::connections::{Connections, OpenConnection};

/// Pause after a failed accept, in which other connections can close their file descriptors.
const PAUSE: Duration = Duration::from_millis(20);
/// Minimum interval between log lines about failed accepts.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Accepts the connections of a listener.
pub(super) struct Accept<'a> {
    listener: &'a TcpListener,
    connections: &'a Connections,
    /// Accepted, and waiting for others to end.
    waiting: Option<(TcpStream, SocketAddr)>,
    failures: Failures,
}

impl<'a> Accept<'a> {
    pub(super) fn new(listener: &'a TcpListener, connections: &'a Connections) -> Self {
        Self { listener, connections, waiting: None, failures: Failures::default() }
    }

    /// The next connection, once there is room for it. Can be cancelled.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr, OpenConnection) {
        if self.waiting.is_none() {
            self.waiting = Some(self.accept().await);
        }
        let peer = self.waiting.as_ref().map(|(_, peer)| peer.ip());
        let open = self.connections.add(peer.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into()));
        let open = open.await;
        match self.waiting.take() {
            Some((stream, peer)) => (stream, peer, open),
            None => std::future::pending().await,
        }
    }

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Responses are written as a whole, so Nagle's algorithm would only delay them.
                    drop(stream.set_nodelay(true));
                    return (stream, peer);
                }
                // The client has closed it already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.failures.log(&error);
                    self.connections.shed_any();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Failed accepts, which mostly mean that there are no free file descriptors.
#[derive(Debug, Default)]
struct Failures {
    logged: Option<Instant>,
    /// Since the last log line.
    count: u64,
}

impl Failures {
    fn log(&mut self, error: &io::Error) {
        self.count += 1;
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            tracing::warn!(%error, failures = self.count, "cannot accept a connection");
            *self = Self { logged: Some(Instant::now()), count: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connections = Connections::new(1, 1);
        let (stream, _, _open) = Accept::new(&listener, &connections).next().await;
        assert!(stream.nodelay().unwrap());
    }
}
