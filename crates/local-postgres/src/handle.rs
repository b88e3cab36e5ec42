//! The handle of a program that uses the server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::event::Event;
use crate::install::Installation;
use crate::layout::Layout;
use crate::lock::{LockFile, LockGuard, SERVER, START};
use crate::opening::{self, OpenedServer};
use crate::process::Shutdown;
use crate::server::Running;
use crate::url::url;
use crate::version::Version;
use crate::watchdog::Mode;
use crate::{client, cluster, loopback, server, socket, wait};

/// SQLSTATE for an existing database: `duplicate_database`, or `unique_violation` in a race.
const EXISTS: [&str; 2] = ["42P04", "23505"];
/// SQLSTATE `object_in_use`: another session is connected to the template database.
const TEMPLATE_IN_USE: &str = "55006";
/// How long `CREATE DATABASE` is retried while a session is connected to the template.
const TEMPLATE_LIMIT: Duration = Duration::from_secs(10);
/// Longest name that PostgreSQL does not truncate, in bytes.
const NAME_MAX_BYTES: usize = 63;

/// A running private PostgreSQL, kept running by this handle.
///
/// The server runs as long as a program holds a handle. Closing or dropping the last handle stops it and
/// waits; if all programs are killed, the watchdog stops it.
///
/// A crashed server is not restarted automatically: connections fail, and [`open`](Self::open) starts it
/// again, with recovery. Old handles may still exist then.
pub struct LocalPostgres {
    config: Config,
    layout: Layout,
    installation: Installation,
    running: Running,
    version: Version,
    checksums: bool,
    watched: bool,
    /// The shared lock `users`; `None` once released.
    lease: Option<LockGuard>,
}

impl LocalPostgres {
    /// Shares the running server of the data directory, or starts one. Creates the cluster if there is none.
    ///
    /// # Errors
    /// See [`Error`]. An unfinished cluster is not used by the next call.
    pub fn open(config: Config) -> Result<Self, Error> {
        let opened = opening::open(&config, Mode::Leased { linger: config.linger })?;
        Ok(Self::from_opened(config, opened))
    }

    pub(crate) fn from_opened(config: Config, opened: OpenedServer) -> Self {
        let OpenedServer { layout, installation, running, settings, lease, watched } = opened;
        Self {
            config,
            layout,
            installation,
            running,
            version: settings.version,
            checksums: settings.checksums,
            watched,
            lease: Some(lease),
        }
    }

    /// A URL for a database of this server, such as
    /// `postgres://postgres@%2Fhome%2Fme%2Fdata%2Frun:5432/app`.
    ///
    /// The host is the percent-encoded socket directory, which libpq (and psql), sqlx and tokio-postgres
    /// support.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(&self.running, database)
    }

    /// The directory of the socket; libpq accepts it as a host.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.running.socket_dir
    }

    /// The port, which is part of the socket's name.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.running.port
    }

    /// The port on 127.0.0.1, if the server was started with [`Config::loopback`].
    #[must_use]
    pub fn loopback_port(&self) -> Option<u16> {
        self.running.loopback.then_some(self.running.port)
    }

    /// The file with the certificate of the loopback listener, if that has TLS.
    #[must_use]
    pub fn loopback_certificate(&self) -> Option<PathBuf> {
        let certificate = loopback::certificate(&self.layout);
        (self.running.loopback && certificate.exists()).then_some(certificate)
    }

    /// Name of the superuser. Through the socket it needs no password: only the user the server runs as, and root,
    /// can reach the socket.
    #[must_use]
    pub fn superuser(&self) -> &'static str {
        cluster::SUPERUSER
    }

    /// Version of the server.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether the cluster has checksums, which detect disk corruption. Clusters created by this crate have
    /// them.
    #[must_use]
    pub fn has_checksums(&self) -> bool {
        self.checksums
    }

    /// Process id of the server.
    #[must_use]
    pub fn postmaster_pid(&self) -> u32 {
        self.running.pid
    }

    /// The data directory, absolute.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.layout.dir
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.layout.log()
    }

    /// The PostgreSQL installation of the server, with programs such as `psql`.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Creates a database if it does not exist. Returns `true` if this call created it. Safe for concurrent
    /// calls.
    ///
    /// # Errors
    /// [`Error::DatabaseName`] for a name that PostgreSQL would truncate; [`Error::Query`] if the query fails.
    pub fn ensure_database(&self, name: &str) -> Result<bool, Error> {
        if name.is_empty() || name.len() > NAME_MAX_BYTES || name.contains(char::is_control) {
            return Err(Error::DatabaseName { name: name.to_owned() });
        }
        let failed =
            |source| Error::Query { doing: format!("create the database {name:?}"), source };
        let mut client = self.running.connect(cluster::SUPERUSER).map_err(failed)?;
        let exists = format!(
            "select 1 from pg_catalog.pg_database where datname = {}",
            client::literal(name)
        );
        if !client.query(&exists).map_err(failed)?.is_empty() {
            return Ok(false);
        }
        let create = format!("create database {}", client::identifier(name));
        let mut busy = None;
        let created = wait::until(TEMPLATE_LIMIT, || match client.query(&create) {
            Ok(_) => Ok(Some(true)),
            Err(error) if EXISTS.iter().any(|code| error.is(code)) => Ok(Some(false)),
            Err(error) if error.is(TEMPLATE_IN_USE) => {
                busy = Some(error);
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        })?;
        match (created, busy) {
            (Some(created), _) => Ok(created),
            (None, Some(error)) => Err(failed(error)),
            (None, None) => Err(failed(client::QueryError::Unexpected("no result"))),
        }
    }

    /// Releases the server. The last user stops it and waits for its exit, unless it lingers or is pinned, and
    /// the watchdog or [`stop`](crate::stop) stops it later.
    ///
    /// Dropping does the same, but ignores errors.
    ///
    /// # Errors
    /// [`Error::StopTimeout`], or [`Error::Io`] if signalling the server is not permitted.
    pub fn close(mut self) -> Result<(), Error> {
        self.release()
    }

    pub(crate) fn release(&mut self) -> Result<(), Error> {
        let Some(LockGuard(lease)) = self.lease.as_ref() else {
            return Ok(());
        };
        let outcome = self.stop_if_last(lease);
        self.lease = None;
        outcome
    }

    /// Stops the server if this is its last user. The lock may be released afterwards.
    fn stop_if_last(&self, lease: &LockFile) -> Result<(), Error> {
        if !self.running.ours || self.keeps_running() {
            return Ok(());
        }
        let limit = self.config.stop_timeout;
        let start = LockFile::open(&self.layout, START)?;
        match start.exclusive(&self.layout, limit, "it starts or stops the server") {
            Ok(()) => {}
            // The holder of the lock uses or stops the server; otherwise the watchdog stops it.
            Err(Error::Busy { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let _start = LockGuard(start);
        // It may have been pinned during the wait.
        if self.keeps_running() {
            return Ok(());
        }
        lease.release();
        let last = wait::until(limit, || {
            if lease.try_exclusive()? {
                return Ok(Some(true));
            }
            // New users cannot join now. So a shared holder is an earlier user, and an exclusive holder is the
            // watchdog, which stops the server.
            Ok(lease.try_shared()?.then_some(false))
        })?;
        if last != Some(true) {
            return Ok(());
        }
        self.config.emit(&Event::Stopping { pid: self.running.pid });
        let server = LockFile::open(&self.layout, SERVER)?;
        server::stop(&self.layout, &server, Shutdown::Fast, limit)?;
        socket::remove_fallback_dir(&self.layout, &self.running.socket_dir);
        Ok(())
    }

    /// Whether the server keeps running without users.
    fn keeps_running(&self) -> bool {
        match Mode::read(&self.layout) {
            Mode::Pinned => true,
            Mode::Leased { linger } => !linger.is_zero() && self.watched,
        }
    }
}

impl Drop for LocalPostgres {
    fn drop(&mut self) {
        // After an error, the watchdog or the next user retries.
        drop(self.release());
    }
}

impl fmt::Debug for LocalPostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPostgres")
            .field("dir", &self.layout.dir)
            .field("pid", &self.running.pid)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
