//! The addresses the service answers on.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::ServerSettings;
use crate::error::Error;

/// Both listeners, bound.
pub(super) struct Listeners {
    pub(super) public: TcpListener,
    pub(super) admin: TcpListener,
    /// The address of the first as it is: port 0 asks for any that is free.
    pub(super) address: SocketAddr,
    pub(super) admin_address: SocketAddr,
}

impl Listeners {
    /// Binds both, or says which address cannot be had and why.
    pub(super) async fn bind(settings: &ServerSettings) -> Result<Self, Error> {
        let (public, address) = bind(settings.listen, "--listen").await?;
        let (admin, admin_address) = bind(settings.admin_listen, "--admin-listen").await?;
        Ok(Self { public, admin, address, admin_address })
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source: std::io::Error| Error::Failed {
        code: "cannot_listen",
        detail: format!("cannot listen on {address} ({flag})"),
        source: Some(source.into()),
        hint: Some("another process may be listening there; choose another address"),
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
