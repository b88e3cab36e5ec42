//! Opening: shares the running server, or starts one.
//!
//! Locks are always acquired in the order `start`, `users`, `server`. The lock `start` is held throughout, so
//! that only one program at a time decides.

use std::time::{Duration, Instant};

use crate::cluster;
use crate::config::{Config, Durability};
use crate::error::Error;
use crate::event::Event;
use crate::install::Installation;
use crate::layout::Layout;
use crate::lock::{LockFile, LockGuard, SERVER, START, USERS};
use crate::server::{self, Running, ServerState};
use crate::version::Version;
use crate::wait;
use crate::watchdog::{self, Mode};

/// Longer waits for another program are reported as an event.
const NOTICE_AFTER: Duration = Duration::from_millis(500);

/// The result of opening.
pub(crate) struct OpenedServer {
    pub(crate) layout: Layout,
    pub(crate) installation: Installation,
    pub(crate) running: Running,
    pub(crate) settings: ServerSettings,
    /// The shared lock `users`.
    pub(crate) lease: LockGuard,
    pub(crate) watched: bool,
}

/// Settings of a running server.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    pub(crate) version: Version,
    pub(crate) checksums: bool,
    fsync: bool,
    data_directory: String,
}

/// Opens the server; `wanted` determines when it stops, unless it is pinned already.
pub(crate) fn open(config: &Config, wanted: Mode) -> Result<OpenedServer, Error> {
    config.check_settings()?;
    let layout = Layout::prepare(&config.dir)?;
    let start = LockFile::open(&layout, START)?;
    acquire(config, "it starts or stops the server", |limit, what| {
        start.exclusive(&layout, limit, what)
    })?;
    let _start = LockGuard(start);
    let mut lease = LockFile::open(&layout, USERS)?;
    acquire(config, "it stops the server", |limit, what| lease.shared(&layout, limit, what))?;
    lease.increment().map_err(Error::io("write to the lock in", &layout.locks()))?;
    let lease = LockGuard(lease);

    let cluster = cluster::major(&layout)?;
    check_durability(&layout, config, cluster.is_some())?;
    let installation = installation(&layout, config, cluster)?;
    let server = LockFile::open(&layout, SERVER)?;
    let found = wait::until(config.start_timeout, || {
        Ok(match server::find(&layout, &server)? {
            ServerState::Running(running) => Some(Some(running)),
            ServerState::Changing { .. } => None,
            ServerState::Nothing => Some(None),
        })
    })?;
    let Some(found) = found else {
        let lock = layout.locks().join(SERVER);
        let what = "its server is running but does not respond";
        return Err(Error::Busy { dir: layout.dir, lock, what, waited: config.start_timeout });
    };
    let (running, watched) = match found {
        Some(running) => share(&layout, config, wanted, running)?,
        None => start_server(&layout, config, wanted, &installation, &server, cluster.is_none())?,
    };
    let settings = inspect(&layout, &running)?;
    if config.durability == Durability::Durable && !settings.fsync {
        return Err(Error::FsyncOff { dir: layout.dir });
    }
    if !settings.checksums {
        config.emit(&Event::NoChecksums);
    }
    Ok(OpenedServer { layout, installation, running, settings, lease, watched })
}

/// Acquires a lock, and emits an event if that takes longer.
fn acquire(
    config: &Config,
    what: &'static str,
    lock: impl Fn(Duration, &'static str) -> Result<(), Error>,
) -> Result<(), Error> {
    let first = NOTICE_AFTER.min(config.start_timeout);
    match lock(first, what) {
        Err(Error::Busy { .. }) if first < config.start_timeout => {
            config.emit(&Event::Waiting { what });
            lock(config.start_timeout, what)
        }
        outcome => outcome,
    }
}

/// A directory stays durable or not: data written without fsync must not be treated as safe, and real data must
/// not be made unsafe.
fn check_durability(layout: &Layout, config: &Config, has_cluster: bool) -> Result<(), Error> {
    let marker = layout.not_durable();
    let marked = marker.exists();
    match config.durability {
        Durability::Durable if marked => Err(Error::NotDurable { dir: layout.dir.clone() }),
        Durability::NoFsyncForTests if has_cluster && !marked => Err(Error::Directory {
            dir: layout.dir.clone(),
            reason: "it contains a durable cluster, and turning fsync off could lose real data"
                .to_owned(),
        }),
        Durability::NoFsyncForTests if !marked => layout
            .open(&marker, rustix::fs::OFlags::empty())
            .map(drop)
            .map_err(Error::io("write", &marker)),
        Durability::Durable | Durability::NoFsyncForTests => Ok(()),
    }
}

fn installation(
    layout: &Layout,
    config: &Config,
    cluster: Option<u16>,
) -> Result<Installation, Error> {
    let search = config.search.clone().with_major(cluster);
    let found = Installation::find_for(&search, &layout.account).map_err(|error| match error {
        Error::OtherMajor { cluster, found, .. } => {
            Error::OtherMajor { dir: layout.pg(), cluster, found }
        }
        other => other,
    })?;
    layout.account.check_reach(found.bin_dir())?;
    Ok(found)
}

fn share(
    layout: &Layout,
    config: &Config,
    wanted: Mode,
    running: Running,
) -> Result<(Running, bool), Error> {
    config.emit(&Event::Shared { pid: running.pid });
    if !running.ours {
        return Ok((running, false));
    }
    let now = Mode::read(layout);
    let mode = match (now, wanted) {
        (Mode::Pinned, _) | (_, Mode::Pinned) => Mode::Pinned,
        (Mode::Leased { linger: a }, Mode::Leased { linger: b }) => {
            Mode::Leased { linger: a.max(b) }
        }
    };
    if mode != now {
        mode.write(layout)?;
    }
    let watched = watch(layout, config, mode)?;
    Ok((running, watched))
}

fn start_server(
    layout: &Layout,
    config: &Config,
    wanted: Mode,
    installation: &Installation,
    server: &LockFile,
    make_cluster: bool,
) -> Result<(Running, bool), Error> {
    let version = installation.version();
    if make_cluster {
        config.emit(&Event::MakingCluster { dir: layout.pg(), version });
        let started = Instant::now();
        cluster::create(layout, installation, config.durability, server)?;
        config.emit(&Event::MadeCluster { took: started.elapsed() });
    }
    wanted.write(layout)?;
    // Before the server, so that a kill in between does not leave it without a watchdog.
    let watched = watch(layout, config, wanted)?;
    config.emit(&Event::Starting { version });
    let started = Instant::now();
    let running = server::start(layout, installation, config, server)?;
    config.emit(&Event::Started { pid: running.pid, took: started.elapsed() });
    Ok((running, watched))
}

fn watch(layout: &Layout, config: &Config, mode: Mode) -> Result<bool, Error> {
    if mode == Mode::Pinned {
        return Ok(false);
    }
    let watched = watchdog::ensure(layout)?;
    if !watched {
        config.emit(&Event::NoWatchdog);
    }
    Ok(watched)
}

/// Queries the settings of the server, and rejects one of another data directory.
pub(crate) fn inspect(layout: &Layout, running: &Running) -> Result<ServerSettings, Error> {
    let query = || -> Result<ServerSettings, crate::client::QueryError> {
        let mut client = running.connect(cluster::SUPERUSER)?;
        let version = client.query_one("show server_version")?;
        Ok(ServerSettings {
            version: Version::parse(&version)
                .ok_or(crate::client::QueryError::Unexpected("an invalid version"))?,
            checksums: client.query_one("show data_checksums")? == "on",
            fsync: client.query_one("show fsync")? == "on",
            data_directory: client.query_one("show data_directory")?,
        })
    };
    let settings = query().map_err(|source| Error::Query {
        doing: format!("query the settings of the server on {}", running.socket_dir.display()),
        source,
    })?;
    let expected = layout.pg();
    let serves = std::path::Path::new(&settings.data_directory);
    if serves != expected && serves.canonicalize().ok().as_ref() != Some(&expected) {
        let socket = running.socket_dir.clone();
        return Err(Error::OtherData { socket, serves: settings.data_directory, expected });
    }
    Ok(settings)
}
