//! A listener on 127.0.0.1 beside the private socket, for tests over TCP.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;
use crate::layout::{Layout, remove};

/// The address of the listener.
pub(crate) const ADDRESS: &str = "127.0.0.1";
/// Access rules: users of the socket directory without, TCP clients with a password. A separate file, so that
/// the cluster's own is not changed.
const HBA: &str = "\
# Written by local-postgres at each start with a loopback listener.
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
";
/// The range of ports: above those of common services, and below the ephemeral ports, which could take the port
/// of a restarting server.
const FIRST_PORT: u16 = 10_240;
const PORTS: u32 = 20_000;
/// Ports to try before giving up.
const PORT_ATTEMPTS_MAX: u32 = 200;

/// A listener on 127.0.0.1.
///
/// Every user of the machine can connect to it, so it requires a password (SCRAM-SHA-256). Roles of a new
/// cluster have none, and cannot log in until one is set through the socket.
#[derive(Clone)]
pub struct Loopback {
    port: Option<u16>,
    /// Certificates and private key, in PEM.
    tls: Option<(String, String)>,
}

impl Loopback {
    /// Listens on any free port, chosen at each start.
    #[must_use]
    pub fn any_port() -> Self {
        Self { port: None, tls: None }
    }

    /// Listens on this port. A start waits up to 15 s, or half of its timeout, for the port to become free, and
    /// then fails with [`Error::Died`].
    #[must_use]
    pub fn port(port: u16) -> Self {
        Self { port: Some(port), tls: None }
    }

    /// Accepts TLS, with this certificate chain (the server's own first) and private key, in PEM. They are written
    /// to files that only the server's user can read. Connections without TLS are still accepted.
    #[must_use]
    pub fn tls(mut self, certificates: impl Into<String>, key: impl Into<String>) -> Self {
        self.tls = Some((certificates.into(), key.into()));
        self
    }

    /// The port for the next start.
    pub(crate) fn choose_port(&self) -> Result<u16, Error> {
        match self.port {
            Some(port) => Ok(port),
            None => free_port(),
        }
    }

    /// Writes the files of the listener, and returns its settings.
    pub(crate) fn prepare(&self, layout: &Layout) -> Result<Vec<(&'static str, String)>, Error> {
        let dir = layout.loopback();
        layout.create_readable_dir(&dir)?;
        let hba = dir.join("pg_hba.conf");
        let certificate = certificate(layout);
        let key = dir.join("server.key");
        layout.write_for_server(&hba, HBA)?;
        let text = |path: PathBuf| path.display().to_string();
        let mut settings = vec![("listen_addresses", ADDRESS.to_owned()), ("hba_file", text(hba))];
        let Some((certificates, private)) = &self.tls else {
            for stale in [certificate, key] {
                remove(&stale).map_err(Error::io("remove", &stale))?;
            }
            return Ok(settings);
        };
        layout.write_for_server(&certificate, certificates)?;
        layout.write_for_server(&key, private)?;
        settings.push(("ssl", "on".to_owned()));
        settings.extend([("ssl_cert_file", text(certificate)), ("ssl_key_file", text(key))]);
        Ok(settings)
    }
}

impl fmt::Debug for Loopback {
    /// Omits the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback")
            .field("port", &self.port)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// The certificate file of a listener with TLS.
pub(crate) fn certificate(layout: &Layout) -> PathBuf {
    layout.loopback().join("server.pem")
}

/// Whether the output shows that the port is in use.
pub(crate) fn is_taken(output: &str) -> bool {
    output.contains("could not create any TCP/IP sockets")
}

/// A free port. Each process starts at another offset, so that concurrent starts rarely choose the same port; a
/// start whose port was taken is retried with another.
fn free_port() -> Result<u16, Error> {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
    let mut last = None;
    for _ in 0..PORT_ATTEMPTS_MAX {
        let nth = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        // The factor is a prime, so that one program's second port is not another one's first.
        let offset = std::process::id().wrapping_add(nth.wrapping_mul(7_919)) % PORTS;
        let port = FIRST_PORT + u16::try_from(offset).unwrap_or_default();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    let last = last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(Error::io("find a free port on", ADDRESS.as_ref())(last))
}
