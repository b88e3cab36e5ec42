//! Connections that send nothing.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::{Tally, pause};

/// Addresses that the connections come from.
const ADDRESSES: u32 = 8;
/// Opening all of them takes this long, so that the backlog of the listener does not overflow.
const SPREAD: Duration = Duration::from_secs(5);
/// Before a closed connection is opened again.
const PAUSE: Duration = Duration::from_secs(10);

/// Keeps connection `n` open until `end`.
pub(super) async fn run(to: SocketAddr, n: u32, end: Instant) -> Tally {
    let mut tally = Tally::default();
    pause(SPREAD.mul_f64(f64::from(n % 1_000) / 1_000.0), end).await;
    while Instant::now() < end {
        match connect(to, n).await {
            Ok(mut stream) => {
                tally.opened += 1;
                let mut byte = [0];
                let closed = tokio::time::timeout_at(end.into(), stream.read(&mut byte)).await;
                tally.closed += u64::from(closed.is_ok());
            }
            Err(_) => tally.failed += 1,
        }
        pause(PAUSE, end).await;
    }
    tally
}

/// From one of several addresses; the first is the one that other clients have.
async fn connect(to: SocketAddr, n: u32) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let last = u8::try_from(n % ADDRESSES).unwrap_or_default();
    socket.bind(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1 + last), 0).into())?;
    socket.connect(to).await
}
