//! The public and the admin listener.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::ServerSettings;
use crate::error::Error;

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
    pub(super) async fn bind(settings: &ServerSettings) -> Result<Self, Error> {
        let (public, public_address) = bind(settings.listen, "--listen").await?;
        let (admin, admin_address) = bind(settings.admin_listen, "--admin-listen").await?;
        Ok(Self { public, admin, public_address, admin_address })
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Error> {
    let bind_error = |source: std::io::Error| Error::Failed {
        code: "cannot_listen",
        detail: format!("cannot listen on {address} ({flag})"),
        source: Some(source.into()),
        hint: Some("another process may be listening there; choose another address"),
    };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    Ok((listener, address))
}
