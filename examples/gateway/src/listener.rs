//! Listeners whose connections have `TCP_NODELAY`.

use axum::serve::{ListenerExt as _, TapIo};
use tokio::net::{TcpListener, TcpStream};

/// Sets `TCP_NODELAY` on each connection, which `axum::serve` leaves to its caller.
///
/// Without it, the end of a long response waits for the acknowledgement of the data before it. A failure to set
/// it only costs time.
pub fn nodelay(listener: TcpListener) -> TapIo<TcpListener, fn(&mut TcpStream)> {
    listener.tap_io(|socket| socket.set_nodelay(true).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use axum::serve::Listener as _;

    use super::*;

    #[tokio::test]
    async fn accepted_connections_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(nodelay(listener).accept().await.0.nodelay().unwrap());
    }
}
