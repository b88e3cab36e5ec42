//! The public and the admin listener.

use std::net::SocketAddr;

use tokio::net::{TcpListener, lookup_host};

use crate::config::{ListenAddress, ServerSettings};
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
        let (public, public_address) = bind(&settings.listen, "--listen").await?;
        let (admin, admin_address) = bind(&settings.admin_listen, "--admin-listen").await?;
        Ok(Self { public, admin, public_address, admin_address })
    }
}

/// Binds the first address of the name that can be bound, IPv4 before IPv6.
async fn bind(
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
    let listener = TcpListener::bind(&*addresses).await.map_err(|source| failed(source, in_use))?;
    let address = listener.local_addr().map_err(|source| failed(source, in_use))?;
    Ok((listener, address))
}
