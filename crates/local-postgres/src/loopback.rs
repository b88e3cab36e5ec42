//! A listener on 127.0.0.1 beside the private socket, for programs that are to be tried over TCP.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;
use crate::layout::{Layout, remove};

/// The only address it listens on.
pub(crate) const ADDRESS: &str = "127.0.0.1";
/// Who may connect: through the socket everybody who can enter its directory, over TCP everybody with
/// a password. It stands in the place of the cluster's own file, so that nothing in that is lost.
const HBA: &str = "\
# Written by local-postgres at each start with a loopback listener.
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
";
/// Ports to choose from: above what services commonly use, below those that the system gives to
/// outgoing connections, which could otherwise take the port of a server that is being restarted.
const FIRST_PORT: u16 = 10_240;
const PORTS: u32 = 20_000;
/// Ports that are looked at before there is none.
const MOST_LOOKED_AT: u32 = 200;

/// A listener on 127.0.0.1.
///
/// Every user of the machine can reach it, so it asks for a password (SCRAM-SHA-256). No role of a new
/// cluster has one: until somebody sets it through the socket, nobody gets in.
#[derive(Clone)]
pub struct Loopback {
    port: Option<u16>,
    /// Certificates and private key, in PEM.
    tls: Option<(String, String)>,
}

impl Loopback {
    /// At a port that is free, another one after each start.
    #[must_use]
    pub fn any_port() -> Self {
        Self { port: None, tls: None }
    }

    /// At this port. A start waits up to 15 s for it to become free, or half its own limit, and then
    /// fails with [`Error::Died`].
    #[must_use]
    pub fn port(port: u16) -> Self {
        Self { port: Some(port), tls: None }
    }

    /// Takes TLS as well, with these certificates (the server's own first) and its private key, in
    /// PEM. They are written to files that only the server's user can read. Connections without TLS
    /// are still taken.
    #[must_use]
    pub fn tls(mut self, certificates: impl Into<String>, key: impl Into<String>) -> Self {
        self.tls = Some((certificates.into(), key.into()));
        self
    }

    /// The port of the next start.
    pub(crate) fn choose_port(&self) -> Result<u16, Error> {
        match self.port {
            Some(port) => Ok(port),
            None => free_port(),
        }
    }

    /// Writes the files it needs, and gives the settings that make the server use them.
    pub(crate) fn prepare(&self, layout: &Layout) -> Result<Vec<(&'static str, String)>, Error> {
        let dir = layout.loopback();
        layout.make_shown(&dir)?;
        let (hba, certificate, key) =
            (dir.join("pg_hba.conf"), certificate(layout), dir.join("server.key"));
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
    /// Without the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback")
            .field("port", &self.port)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// Where the certificates of the listener are, if it has TLS.
pub(crate) fn certificate(layout: &Layout) -> PathBuf {
    layout.loopback().join("server.pem")
}

/// Whether a server did not start because another program has its port.
pub(crate) fn is_taken(output: &str) -> bool {
    output.contains("could not create any TCP/IP sockets")
}

/// A port that is free now. Programs begin to look at different ones, so that two that start at once
/// seldom choose the same; a start whose port was taken meanwhile is repeated with another.
fn free_port() -> Result<u16, Error> {
    static LOOKED_AT: AtomicU32 = AtomicU32::new(0);
    let mut last = None;
    for _ in 0..MOST_LOOKED_AT {
        let nth = LOOKED_AT.fetch_add(1, Ordering::Relaxed);
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
