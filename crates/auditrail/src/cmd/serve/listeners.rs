//! The public and the admin listener.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::config::{ListenAddress, ServerSettings};
use crate::error::Error;

/// Connections that the kernel queues until they are accepted; beyond them, callers retry after a second.
const BACKLOG: u32 = 4_096;

/// Both listeners, bound.
pub(super) struct Listeners {
    pub(super) public: TcpListener,
    pub(super) admin: TcpListener,
    /// The bound address: differs from the setting when its port is 0.
    pub(super) public_address: SocketAddr,
    pub(super) admin_address: SocketAddr,
}

impl Listeners {
    /// Binds both addresses.
    ///
    /// # Errors
    /// When an address cannot be bound; the error names it and its flag.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub(super) async fn bind(settings: &ServerSettings) -> Result<Self, Error> {
        let (public, public_address) = bind(&settings.listen, "--listen").await?;
        let (admin, admin_address) = bind(&settings.admin_listen, "--admin-listen").await?;
        Ok(Self { public, admin, public_address, admin_address })
    }
}

/// Binds the first address of the name that can be bound, IPv4 before IPv6.
pub(in crate::cmd) async fn bind(
    address: &ListenAddress,
    flag: &'static str,
) -> Result<(TcpListener, SocketAddr), Error> {
    let text = address.as_str();
    let failed = |source: std::io::Error, hint| Error::Failed {
        code: "cannot_listen",
        detail: format!("cannot listen on {text} ({flag})"),
        source: Some(source.into()),
        hint: Some(hint),
    };
    let found = lookup_host(text).await.map_err(|source| {
        failed(source, "the name has no address here; give an address such as 127.0.0.1:8080")
    })?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let in_use = "another process may be listening there; choose another address";
    let listener = listen(&addresses).map_err(|source| failed(source, in_use))?;
    let address = listener.local_addr().map_err(|source| failed(source, in_use))?;
    Ok((listener, address))
}

/// As [`TcpListener::bind`], with a longer queue: the first address that can be bound.
fn listen(addresses: &[SocketAddr]) -> std::io::Result<TcpListener> {
    let mut failure = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match listen_on(*address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restart need not wait for old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
