//! For `start`, `stop` and `status` commands: a server without a program that uses it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::handle::LocalPostgres;
use crate::install::Version;
use crate::layout::Layout;
use crate::lock::{Held, LockFile, SERVER, START, USERS};
use crate::process::Tell;
use crate::server::{Found, Running};
use crate::url::url;
use crate::watchdog::Mode;
use crate::{cluster, opening, server, socket};

/// Longest wait for another program to finish starting or stopping the server.
const START_LOCK_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a server to write everything out; it is then told to end at once.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What there is in a data directory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// No cluster has been made yet.
    Absent,
    /// There is a cluster, and no server.
    Stopped {
        /// Major version of PostgreSQL that made the cluster.
        major: u16,
    },
    /// A server is starting, recovering from a crash, or ending.
    Changing {
        /// Its process id, where it is known.
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

    /// Whether it stays when its last user leaves: it was started by [`start_pinned`], or by
    /// hand, without this crate.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Whether some program uses it; `None` when another one is just starting or stopping it.
    #[must_use]
    pub fn is_in_use(&self) -> Option<bool> {
        self.in_use
    }
}

/// Looks at a data directory, and changes nothing.
///
/// # Errors
/// [`Error::Directory`] or [`Error::Io`] when the directory is not ours to look at;
/// [`Error::Ask`] when a server is there and refuses to talk.
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
        Found::Nothing => {
            server.give_up();
            return stopped();
        }
        Found::Changing { pid } => return Ok(Status::Changing { pid }),
        Found::Running(running) => running,
    };
    let facts = opening::inspect(&layout, &running)?;
    let pinned = !running.ours || Mode::read(&layout) == Mode::Pinned;
    let in_use = in_use(&layout)?;
    Ok(Status::Running(ServerInfo {
        running,
        version: facts.version,
        pinned,
        in_use,
    }))
}

/// Starts a server that stays when nobody uses it, until [`stop`].
///
/// One that is already running is made such a server. If it dies, the next program that opens it
/// starts it again, and it is then like any other.
///
/// # Errors
/// As [`LocalPostgres::open`].
pub fn start_pinned(config: Config) -> Result<ServerInfo, Error> {
    let opened = opening::open(&config, Mode::Pinned)?;
    let pinned = LocalPostgres::from_opened(config, opened);
    let (dir, version) = (pinned.dir().to_owned(), pinned.version());
    pinned.close()?;
    match status(&dir)? {
        Status::Running(info) => Ok(info),
        _ => Err(Error::Died {
            status: None,
            log: dir.join("postgres.log"),
            output: format!("PostgreSQL {version} ended right after it had started"),
        }),
    }
}

/// Whom to disturb by stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Nobody: programs that use the server make it fail with [`Error::InUse`].
    IfUnused,
    /// Everybody: connections are broken off, transactions that are not committed are lost.
    Fast,
    /// As `Fast`, without writing out what is in memory: quicker now, and the next start takes
    /// longer because it recovers. Nothing that was acknowledged is lost.
    Immediate,
}

/// Stops the server of a data directory, pinned or not, and waits until it has ended. `false`:
/// there was none.
///
/// # Errors
/// [`Error::InUse`] with [`StopMode::IfUnused`]; [`Error::StopTimeout`]; [`Error::Busy`] when
/// another program is starting it for too long.
pub fn stop(dir: &Path, mode: StopMode) -> Result<bool, Error> {
    let Some(layout) = Layout::existing(dir)? else {
        return Ok(false);
    };
    let start = LockFile::open(&layout, START)?;
    start.alone(&layout, START_LOCK_LIMIT, "it starts or stops the server")?;
    let _start = Held(start);
    let users = LockFile::open(&layout, USERS)?;
    if mode == StopMode::IfUnused && !users.try_alone()? {
        return Err(Error::InUse { dir: layout.dir });
    }
    let _users = Held(users);
    let server = LockFile::open(&layout, SERVER)?;
    let socket_dir: Option<PathBuf> = match server::find(&layout, &server) {
        Ok(Found::Nothing) => {
            server.give_up();
            return Ok(false);
        }
        Ok(Found::Running(running)) => Some(running.socket_dir),
        // One that refuses to talk can be stopped all the same.
        Ok(Found::Changing { .. }) | Err(_) => None,
    };
    let tell = match mode {
        StopMode::IfUnused | StopMode::Fast => Tell::Fast,
        StopMode::Immediate => Tell::Immediate,
    };
    server::stop(&layout, &server, tell, STOP_LIMIT)?;
    if let Some(socket_dir) = socket_dir {
        socket::forget(&layout, &socket_dir);
    }
    Ok(true)
}

/// Whether some program has a share of `users`.
fn in_use(layout: &Layout) -> Result<Option<bool>, Error> {
    let start = LockFile::open(layout, START)?;
    if !start.try_alone()? {
        return Ok(None);
    }
    let _start = Held(start);
    let users = LockFile::open(layout, USERS)?;
    let free = users.try_alone()?;
    users.give_up_if(free);
    Ok(Some(!free))
}
