//! The handle that a program holds for as long as it uses the server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::event::Event;
use crate::install::{Installation, Version};
use crate::layout::Layout;
use crate::lock::{Held, LockFile, SERVER, START};
use crate::opening::{self, Opened};
use crate::process::Tell;
use crate::server::Running;
use crate::url::url;
use crate::watchdog::Mode;
use crate::{client, cluster, loopback, server, socket, wait};

/// SQLSTATE of "a database of this name exists": found at once, or by a race on the catalogue.
const EXISTS: [&str; 2] = ["42P04", "23505"];
/// SQLSTATE of "the template database is being accessed by other users".
const TEMPLATE_IN_USE: &str = "55006";
/// How long `CREATE DATABASE` is repeated because somebody is connected to the template.
const TEMPLATE_LIMIT: Duration = Duration::from_secs(10);
/// Longest name that PostgreSQL does not cut, in bytes.
const LONGEST_NAME: usize = 63;

/// A private PostgreSQL that is running, and our share in it.
///
/// The server stays for as long as any program holds one of these. The last one that is closed
/// or dropped stops it and waits for that; if all are killed, the watchdog stops it.
///
/// The server is watched over, not restarted: if it dies, connections fail, and
/// [`open`](Self::open)ing again starts it and recovers. The old handle may still be held then.
pub struct LocalPostgres {
    config: Config,
    layout: Layout,
    installation: Installation,
    running: Running,
    version: Version,
    checksums: bool,
    watched: bool,
    /// Our share of the lock `users`; `None` once we have left.
    lease: Option<Held>,
}

impl LocalPostgres {
    /// Shares the server of this data directory, or starts it, making its cluster first if there
    /// is none.
    ///
    /// # Errors
    /// See [`Error`]; each says what to do. Nothing half-made is left behind: the next call
    /// begins afresh.
    pub fn open(config: Config) -> Result<Self, Error> {
        let opened = opening::open(&config, Mode::Leased { linger: config.linger })?;
        Ok(Self::from_opened(config, opened))
    }

    pub(crate) fn from_opened(config: Config, opened: Opened) -> Self {
        let Opened { layout, installation, running, facts, lease, watched } = opened;
        let (version, checksums, lease) = (facts.version, facts.checksums, Some(lease));
        Self { config, layout, installation, running, version, checksums, watched, lease }
    }

    /// A URL for a database of this server, such as
    /// `postgres://postgres@%2Fhome%2Fme%2Fdata%2Frun:5432/app`.
    ///
    /// The socket directory stands in the place of the host, percent-encoded, which libpq (and
    /// so psql), sqlx and tokio-postgres all understand.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(&self.running, database)
    }

    /// The directory of the socket; libpq takes it as a host.
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

    /// Whether the cluster has checksums, which tell damage by the disk. Clusters made by this
    /// crate have them.
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

    /// The PostgreSQL on this machine that was found for it; its `psql`, for instance.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Makes a database if there is none of this name. `true`: it was made by this call. Safe
    /// when several programs do it at once.
    ///
    /// # Errors
    /// [`Error::DatabaseName`] for a name PostgreSQL would cut; [`Error::Ask`] when the server
    /// refuses or is gone.
    pub fn ensure_database(&self, name: &str) -> Result<bool, Error> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
            return Err(Error::DatabaseName { name: name.to_owned() });
        }
        let failed = |source| Error::Ask { doing: format!("make the database {name:?}"), source };
        let mut client = self.running.connect(cluster::SUPERUSER).map_err(failed)?;
        let exists = format!(
            "select 1 from pg_catalog.pg_database where datname = {}",
            client::literal(name)
        );
        if !client.ask(&exists).map_err(failed)?.is_empty() {
            return Ok(false);
        }
        let create = format!("create database {}", client::identifier(name));
        let mut busy = None;
        let made = wait::until(TEMPLATE_LIMIT, || match client.ask(&create) {
            Ok(_) => Ok(Some(true)),
            Err(error) if EXISTS.iter().any(|code| error.is(code)) => Ok(Some(false)),
            Err(error) if error.is(TEMPLATE_IN_USE) => {
                busy = Some(error);
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        })?;
        match (made, busy) {
            (Some(made), _) => Ok(made),
            (None, Some(error)) => Err(failed(error)),
            (None, None) => Err(failed(client::AskError::Unexpected("no outcome"))),
        }
    }

    /// Lets go of the server. The last user stops it and waits until it has ended, unless it
    /// lingers or is pinned; the watchdog or [`stop`](crate::stop) ends it then.
    ///
    /// Dropping does the same, without a report.
    ///
    /// # Errors
    /// [`Error::StopTimeout`], or [`Error::Io`] when the server may not be signalled.
    pub fn close(mut self) -> Result<(), Error> {
        self.leave()
    }

    pub(crate) fn leave(&mut self) -> Result<(), Error> {
        let Some(Held(lease)) = self.lease.as_ref() else {
            return Ok(());
        };
        let outcome = self.stop_if_last(lease);
        self.lease = None;
        outcome
    }

    /// Stops the server if nobody else uses it. Our share of the lock may be gone afterwards.
    fn stop_if_last(&self, lease: &LockFile) -> Result<(), Error> {
        if !self.running.ours || self.stays() {
            return Ok(());
        }
        let limit = self.config.stop_timeout;
        let start = LockFile::open(&self.layout, START)?;
        match start.alone(&self.layout, limit, "it starts or stops the server") {
            Ok(()) => {}
            // Whoever has it is about to use the server, or to stop it; and the watchdog sees to
            // it in the end.
            Err(Error::Busy { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let _start = Held(start);
        // It may have been pinned while we waited.
        if self.stays() {
            return Ok(());
        }
        lease.give_up();
        let last = wait::until(limit, || {
            if lease.try_alone()? {
                return Ok(Some(true));
            }
            // Nobody can join now. So who shares it was there before us, and who has it alone is
            // the watchdog, which has found that we are gone and stops the server.
            Ok(lease.try_shared()?.then_some(false))
        })?;
        if last != Some(true) {
            return Ok(());
        }
        self.config.emit(&Event::Stopping { pid: self.running.pid });
        let server = LockFile::open(&self.layout, SERVER)?;
        server::stop(&self.layout, &server, Tell::Fast, limit)?;
        socket::forget(&self.layout, &self.running.socket_dir);
        Ok(())
    }

    /// Whether the server goes on without users for now.
    fn stays(&self) -> bool {
        match Mode::read(&self.layout) {
            Mode::Pinned => true,
            Mode::Leased { linger } => !linger.is_zero() && self.watched,
        }
    }
}

impl Drop for LocalPostgres {
    fn drop(&mut self) {
        // Nobody is left to tell. What failed is tried again by the watchdog or the next user.
        drop(self.leave());
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
