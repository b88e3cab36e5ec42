//! `start`, `stop` and `status` of a server, for commands that do not use it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::handle::LocalPostgres;
use crate::layout::Layout;
use crate::lock::{LockFile, LockGuard, SERVER, START, USERS};
use crate::process::Shutdown;
use crate::server::{Running, ServerState};
use crate::url::{portable_url, url};
use crate::version::Version;
use crate::watchdog::Mode;
use crate::{cluster, opening, server, socket};

/// Timeout for another program to finish starting or stopping the server.
const START_LOCK_LIMIT: Duration = Duration::from_secs(60);
/// Timeout of a fast shutdown; an immediate shutdown follows.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// The state of a data directory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// There is no cluster.
    Absent,
    /// There is a cluster, and no running server.
    Stopped {
        /// Major version of the cluster.
        major: u16,
    },
    /// A server is starting, recovering, or shutting down.
    Changing {
        /// Its process id, if known.
        pid: Option<u32>,
    },
    /// A server accepts connections.
    Running(ServerInfo),
}

/// A running server.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    running: Running,
    version: Version,
    pinned: bool,
    in_use: Option<bool>,
}

impl ServerInfo {
    /// Process id of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.pid
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The directory of its socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.running.socket_dir
    }

    /// A URL for one of its databases; see [`LocalPostgres::url`].
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(&self.running, database)
    }

    /// As [`url`](Self::url) with the socket as a parameter, which more programs take:
    /// `postgres:///app?host=/srv/data/run&user=postgres`.
    #[must_use]
    pub fn portable_url(&self, database: &str) -> String {
        portable_url(&self.running, database)
    }

    /// Whether it keeps running without users: it was started by [`start_pinned`], or without this crate.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Whether a program uses it; `None` while another program starts or stops it.
    #[must_use]
    pub fn is_in_use(&self) -> Option<bool> {
        self.in_use
    }
}

/// Returns the state of a data directory, without changing it.
///
/// # Errors
/// [`Error::Directory`] or [`Error::Io`] if the directory is not accessible;
/// [`Error::Query`] if a running server does not respond.
pub fn status(dir: &Path) -> Result<Status, Error> {
    let Some(layout) = Layout::existing(dir)? else {
        return Ok(Status::Absent);
    };
    let stopped = || {
        Ok(match cluster::major(&layout)? {
            None => Status::Absent,
            Some(major) => Status::Stopped { major },
        })
    };
    let server = LockFile::open(&layout, SERVER)?;
    let running = match server::find(&layout, &server)? {
        ServerState::Nothing => {
            server.release();
            return stopped();
        }
        ServerState::Changing { pid } => return Ok(Status::Changing { pid }),
        ServerState::Running(running) => running,
    };
    let settings = opening::inspect(&layout, &running)?;
    let pinned = !running.ours || Mode::read(&layout) == Mode::Pinned;
    let in_use = in_use(&layout)?;
    Ok(Status::Running(ServerInfo { running, version: settings.version, pinned, in_use }))
}

/// Starts a server that keeps running without users, until [`stop`].
///
/// A running server is pinned. After a crash, the next program that opens it restarts it, no longer pinned.
///
/// # Errors
/// As [`LocalPostgres::open`].
pub fn start_pinned(config: Config) -> Result<ServerInfo, Error> {
    let opened = opening::open(&config, Mode::Pinned)?;
    let pinned = LocalPostgres::from_opened(config, opened);
    let dir = pinned.dir().to_owned();
    let version = pinned.version();
    pinned.close()?;
    match status(&dir)? {
        Status::Running(info) => Ok(info),
        _ => Err(Error::Died {
            status: None,
            log: dir.join("postgres.log"),
            output: format!("PostgreSQL {version} exited right after its start"),
        }),
    }
}

/// How to stop a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Only if no program uses it; otherwise fails with [`Error::InUse`].
    IfUnused,
    /// Fast shutdown: connections are closed, and open transactions are rolled back.
    Fast,
    /// Immediate shutdown, without writing the shared buffers: faster, but the next start has to recover. No
    /// acknowledged write is lost.
    Immediate,
}

/// Stops the server of a data directory, pinned or not, and waits until it has exited. Returns `false` if
/// there was none.
///
/// # Errors
/// [`Error::InUse`] with [`StopMode::IfUnused`]; [`Error::StopTimeout`]; [`Error::Busy`] if
/// another program takes too long to start it.
pub fn stop(dir: &Path, mode: StopMode) -> Result<bool, Error> {
    let Some(layout) = Layout::existing(dir)? else {
        return Ok(false);
    };
    let start = LockFile::open(&layout, START)?;
    start.exclusive(&layout, START_LOCK_LIMIT, "it starts or stops the server")?;
    let _start = LockGuard(start);
    let users = LockFile::open(&layout, USERS)?;
    if mode == StopMode::IfUnused && !users.try_exclusive()? {
        return Err(Error::InUse { dir: layout.dir });
    }
    let _users = LockGuard(users);
    let server = LockFile::open(&layout, SERVER)?;
    let socket_dir: Option<PathBuf> = match server::find(&layout, &server) {
        Ok(ServerState::Nothing) => {
            server.release();
            return Ok(false);
        }
        Ok(ServerState::Running(running)) => Some(running.socket_dir),
        // A server that does not respond can still be stopped.
        Ok(ServerState::Changing { .. }) | Err(_) => None,
    };
    let shutdown = match mode {
        StopMode::IfUnused | StopMode::Fast => Shutdown::Fast,
        StopMode::Immediate => Shutdown::Immediate,
    };
    server::stop(&layout, &server, shutdown, STOP_LIMIT)?;
    if let Some(socket_dir) = socket_dir {
        socket::remove_fallback_dir(&layout, &socket_dir);
    }
    Ok(true)
}

/// Whether a program holds the lock `users`.
fn in_use(layout: &Layout) -> Result<Option<bool>, Error> {
    let start = LockFile::open(layout, START)?;
    if !start.try_exclusive()? {
        return Ok(None);
    }
    let _start = LockGuard(start);
    let users = LockFile::open(layout, USERS)?;
    let free = users.try_exclusive()?;
    users.release_if(free);
    Ok(Some(!free))
}
