//! Counting round trips between a program and PostgreSQL.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::transport::through;

/// Bytes that are forwarded at once.
const CHUNK_BYTES: usize = 64 * 1_024;

/// A proxy on a loopback address that counts round trips: how often clients send after the server has
/// responded, over all connections. Messages sent together count once.
///
/// A message of more than about ten kilobytes may count twice, if the server responds before it has read
/// all of it.
#[derive(Debug)]
pub struct RoundTrips {
    port: u16,
    count: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl RoundTrips {
    /// Starts a proxy to a server.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the proxy");
        let port = listener.local_addr().expect("the port of the proxy").port();
        let count = Arc::new(AtomicU64::new(0));
        let (counted, server) = (Arc::clone(&count), server.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server.clone(), Arc::clone(&counted)));
            }
        });
        Self { port, count, accepting }
    }

    /// The same options, through the proxy.
    #[must_use]
    pub fn through(&self, options: &PgConnectOptions) -> PgConnectOptions {
        through(options, (Ipv4Addr::LOCALHOST, self.port).into())
    }

    /// The number of round trips since the last call.
    pub fn take(&self) -> u64 {
        self.count.swap(0, Ordering::SeqCst)
    }
}

impl Drop for RoundTrips {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(client: TcpStream, server: PgConnectOptions, count: Arc<AtomicU64>) {
    drop(client.set_nodelay(true));
    match server.get_socket() {
        Some(dir) => {
            let path = dir.join(format!(".s.PGSQL.{}", server.get_port()));
            if let Ok(server) = UnixStream::connect(path).await {
                forward_both_ways(client, server.into_split(), count).await;
            }
        }
        None => {
            let address = (server.get_host().to_owned(), server.get_port());
            if let Ok(server) = TcpStream::connect(address).await {
                drop(server.set_nodelay(true));
                forward_both_ways(client, server.into_split(), count).await;
            }
        }
    }
}

async fn forward_both_ways<R, W>(
    client: TcpStream,
    (mut from_server, mut to_server): (R, W),
    count: Arc<AtomicU64>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = client.into_split();
    // The first message of a client begins a round trip too.
    let has_response = AtomicBool::new(true);
    let up = forward(&mut from_client, &mut to_server, || {
        if has_response.swap(false, Ordering::SeqCst) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let down =
        forward(&mut from_server, &mut to_client, || has_response.store(true, Ordering::SeqCst));
    // The first side to close ends both directions.
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

/// Forwards bytes until a side closes, calling `on_chunk` before each chunk is forwarded.
async fn forward(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    on_chunk: impl Fn(),
) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        on_chunk();
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
