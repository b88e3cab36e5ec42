//! The public and the admin listener.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::config::ServerSettings;
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
    pub(super) fn bind(settings: &ServerSettings) -> Result<Self, Error> {
        let (public, public_address) = bind(settings.listen, "--listen")?;
        let (admin, admin_address) = bind(settings.admin_listen, "--admin-listen")?;
        Ok(Self { public, admin, public_address, admin_address })
    }
}

fn bind(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Error> {
    let bind_error = |source: std::io::Error| Error::Failed {
        code: "cannot_listen",
        detail: format!("cannot listen on {address} ({flag})"),
        source: Some(source.into()),
        hint: Some("another process may be listening there; choose another address"),
    };
    let listener = listen(address).map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    Ok((listener, address))
}

/// As [`TcpListener::bind`], with a longer queue.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restart need not wait for old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
