//! Requests and responses that proceed as slowly as possible.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Tally, pause};

/// Between two pieces.
const INTERVAL: Duration = Duration::from_secs(1);
/// Before a closed connection is opened again.
const PAUSE: Duration = Duration::from_secs(2);
/// Receive buffer of readers, in bytes.
const RECEIVE_BUFFER: u32 = 4_096;
/// What a reader takes at once, in bytes.
const READ: usize = 4_096;
/// The announced length of a body: as large as allowed.
const BODY: usize = 16 << 20;

/// A kind of slow client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One header line at a time.
    Head,
    /// One byte of a large body at a time.
    Body,
    /// Reads a page of 1,000 records.
    Page,
    /// Reads an export.
    Export,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Head, Self::Body, Self::Page, Self::Export];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Head => "slow heads",
            Self::Body => "slow bodies",
            Self::Page => "slow readers of pages",
            Self::Export => "slow readers of exports",
        }
    }

    /// What is sent at once.
    fn first(self, key: &str) -> String {
        let common = format!("Host: localhost\r\nAuthorization: Bearer {key}\r\n");
        match self {
            Self::Head => "GET /v1/audit-logs HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
            Self::Body => format!(
                "POST /v1/audit-logs/batch HTTP/1.1\r\n{common}Content-Type: application/json\r\n\
                 Content-Length: {BODY}\r\n\r\n["
            ),
            Self::Page => format!("GET /v1/audit-logs?limit=1000 HTTP/1.1\r\n{common}\r\n"),
            Self::Export => {
                format!("GET /v1/audit-logs/export?format=ndjson HTTP/1.1\r\n{common}\r\n")
            }
        }
    }

    /// What is sent in each interval after that.
    const fn next(self) -> &'static [u8] {
        match self {
            Self::Head => b"X-Slow: 1\r\n",
            Self::Body => b" ",
            Self::Page | Self::Export => b"",
        }
    }
}

/// Keeps one such client running until `end`.
pub(super) async fn run(kind: Kind, to: SocketAddr, (n, key): (u32, &str), end: Instant) -> Tally {
    let mut tally = Tally::default();
    pause(INTERVAL.mul_f64(f64::from(n % 100) / 100.0), end).await;
    while Instant::now() < end {
        match connect(to).await {
            Ok(stream) => {
                tally.opened += 1;
                tally.closed += u64::from(proceed(kind, stream, key, end).await.is_err());
            }
            Err(_) => tally.failed += 1,
        }
        pause(PAUSE, end).await;
    }
    tally
}

async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.connect(to).await
}

/// Sends and reads a piece in each interval; an error if the service ended the exchange.
async fn proceed(
    kind: Kind,
    mut stream: TcpStream,
    key: &str,
    end: Instant,
) -> std::io::Result<()> {
    stream.write_all(kind.first(key).as_bytes()).await?;
    let mut buffer = [0; READ];
    while Instant::now() < end {
        pause(INTERVAL, end).await;
        stream.write_all(kind.next()).await?;
        let reading = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut buffer));
        if let Ok(read) = reading.await
            && read? == 0
        {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
    }
    Ok(())
}
