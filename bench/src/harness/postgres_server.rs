//! A durable private PostgreSQL server, on a Unix socket and a port of 127.0.0.1.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use local_postgres::{Config, Loopback, Search, StopMode};

use crate::harness::delay_proxy::Delay;
use crate::harness::psql::Database;
use crate::harness::transport::{Endpoints, Transport};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// A running server; stops when dropped.
pub(crate) struct PostgresServer {
    data: PathBuf,
    bin: PathBuf,
    endpoints: Endpoints,
    delay: Option<Delay>,
}

impl PostgresServer {
    /// Starts the server of the data directory `data` with the programs in `bin`, and the delay proxy if
    /// `transports` require it. A server that an earlier run left is stopped first, since its port differs.
    pub(crate) fn start(
        workspace: &Workspace,
        (data, bin): (&Path, &Path),
        transports: &[Transport],
    ) -> Result<Self> {
        local_postgres::stop(data, StopMode::Fast)?;
        let (socket, password) = (String::new(), random_password()?);
        let endpoints = Endpoints { socket, password, port: free_port()?, delayed_port: None };
        let (data, bin) = (data.to_owned(), bin.to_owned());
        let mut cluster = Self { data, bin, endpoints, delay: None };
        cluster.endpoints.socket = cluster.restart()?;
        if transports.contains(&Transport::Delayed) {
            let delay = Delay::start(workspace, cluster.endpoints.port)?;
            cluster.endpoints.delayed_port = Some(delay.port);
            cluster.delay = Some(delay);
        }
        Ok(cluster)
    }

    /// Starts it again on the same port, and returns the URL of its socket.
    pub(crate) fn restart(&self) -> Result<String> {
        let search = Search::usual().with_bin_dir(Some(self.bin.clone()));
        let config = Config::new(&self.data).search(search);
        let config = config.loopback(Loopback::port(self.endpoints.port));
        let url = local_postgres::start_pinned(config)?.url("");
        let url = url.trim_end_matches('/').to_owned();
        // Over TCP a password is required, and the role has none yet.
        let postgres = Database { bin: &self.bin, url: &format!("{url}/postgres") };
        postgres.sql(&format!("alter role postgres password '{}'", self.endpoints.password))?;
        Ok(url)
    }

    pub(crate) fn stop(&self) -> Result<()> {
        local_postgres::stop(&self.data, StopMode::Fast)?;
        Ok(())
    }

    /// The URL of a database; see [`Endpoints::url`].
    pub(crate) fn url(&self, transport: Transport, database: &str) -> Result<String> {
        self.endpoints.url(transport, database)
    }

    /// The process id of the postmaster, while it runs.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.data.join("pg/postmaster.pid"));
        file.ok()?.lines().next()?.trim().parse().ok()
    }

    /// Processor time of the delay proxy in seconds, if one runs.
    pub(crate) fn delay_seconds(&self) -> Option<f64> {
        self.delay.as_ref()?.tree().cpu_seconds()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("cannot stop PostgreSQL in {}: {error}", self.data.display());
        }
    }
}

/// A random password.
fn random_password() -> Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
    Ok(text.map_err(Error::doing("read a random number"))?.trim().to_owned())
}

/// A free port of 127.0.0.1; PostgreSQL cannot choose one itself.
fn free_port() -> Result<u16> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(bound.map_err(Error::doing("find a free port"))?.port())
}
