//! Opening: sharing the server that runs, or starting one.
//!
//! The order of the locks is always `start`, `users`, `server`. All of it happens with `start`
//! held, so no two programs decide at once.

use std::time::{Duration, Instant};

use crate::cluster;
use crate::config::{Config, Durability};
use crate::error::Error;
use crate::event::Event;
use crate::install::{Installation, Version};
use crate::layout::Layout;
use crate::lock::{Held, LockFile, SERVER, START, USERS};
use crate::server::{self, Found, Running};
use crate::wait;
use crate::watchdog::{self, Mode};

/// Waiting for another program is worth a word only when it takes longer than this.
const WORTH_A_WORD: Duration = Duration::from_millis(500);

/// What opening comes to.
pub(crate) struct Opened {
    pub(crate) layout: Layout,
    pub(crate) installation: Installation,
    pub(crate) running: Running,
    pub(crate) facts: Facts,
    /// Our share of `users`.
    pub(crate) lease: Held,
    pub(crate) watched: bool,
}

/// What the server says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) version: Version,
    pub(crate) checksums: bool,
    fsync: bool,
    data_directory: String,
}

/// Opens; the server then ends as `wanted` says, unless it is pinned already.
pub(crate) fn open(config: &Config, wanted: Mode) -> Result<Opened, Error> {
    config.check_settings()?;
    let layout = Layout::prepare(&config.dir)?;
    let start = LockFile::open(&layout, START)?;
    take(config, "it starts or stops the server", |limit, what| {
        start.alone(&layout, limit, what)
    })?;
    let _start = Held(start);
    let mut lease = LockFile::open(&layout, USERS)?;
    take(config, "it stops the server", |limit, what| {
        lease.shared(&layout, limit, what)
    })?;
    lease
        .count_up()
        .map_err(Error::io("write to the lock in", &layout.locks()))?;
    let lease = Held(lease);

    let cluster = cluster::major(&layout)?;
    check_durability(&layout, config, cluster.is_some())?;
    let installation = installation(&layout, config, cluster)?;
    let server = LockFile::open(&layout, SERVER)?;
    let found = wait::until(config.start_timeout, || {
        Ok(match server::find(&layout, &server)? {
            Found::Running(running) => Some(Some(running)),
            Found::Changing { .. } => None,
            Found::Nothing => Some(None),
        })
    })?;
    let Some(found) = found else {
        let (lock, what) = (
            layout.locks().join(SERVER),
            "a server of it is running but does not answer",
        );
        return Err(Error::Busy {
            dir: layout.dir,
            lock,
            what,
            waited: config.start_timeout,
        });
    };
    let (running, watched) = match found {
        Some(running) => share(&layout, config, wanted, running)?,
        None => start_server(
            &layout,
            config,
            wanted,
            &installation,
            &server,
            cluster.is_none(),
        )?,
    };
    let facts = inspect(&layout, &running)?;
    if config.durability == Durability::Durable && !facts.fsync {
        return Err(Error::FsyncOff { dir: layout.dir });
    }
    if !facts.checksums {
        config.emit(&Event::NoChecksums);
    }
    Ok(Opened {
        layout,
        installation,
        running,
        facts,
        lease,
        watched,
    })
}

/// Takes a lock, and says so when that does not work at once.
fn take(
    config: &Config,
    what: &'static str,
    lock: impl Fn(Duration, &'static str) -> Result<(), Error>,
) -> Result<(), Error> {
    let first = WORTH_A_WORD.min(config.start_timeout);
    match lock(first, what) {
        Err(Error::Busy { .. }) if first < config.start_timeout => {
            config.emit(&Event::Waiting { what });
            lock(config.start_timeout, what)
        }
        outcome => outcome,
    }
}

/// A directory is durable or not for its whole life: data that was written without fsync must
/// not be taken for safe, and data that may be real must not be made unsafe.
fn check_durability(layout: &Layout, config: &Config, has_cluster: bool) -> Result<(), Error> {
    let marker = layout.not_durable();
    let marked = marker.exists();
    match config.durability {
        Durability::Durable if marked => Err(Error::NotDurable {
            dir: layout.dir.clone(),
        }),
        Durability::NoFsyncForTests if has_cluster && !marked => Err(Error::Directory {
            dir: layout.dir.clone(),
            reason:
                "it holds a durable cluster, and fsync is not turned off for what may be real data"
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
    let found = Installation::find(&search).map_err(|error| match error {
        Error::OtherMajor { cluster, found, .. } => Error::OtherMajor {
            dir: layout.pg(),
            cluster,
            found,
        },
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
        config.emit(&Event::MakingCluster {
            dir: layout.pg(),
            version,
        });
        let begun = Instant::now();
        cluster::make(layout, installation, config.durability, server)?;
        config.emit(&Event::MadeCluster {
            took: begun.elapsed(),
        });
    }
    wanted.write(layout)?;
    // Before the server, so that being killed in between leaves none unwatched.
    let watched = watch(layout, config, wanted)?;
    config.emit(&Event::Starting { version });
    let begun = Instant::now();
    let running = server::start(layout, installation, config, server)?;
    config.emit(&Event::Started {
        pid: running.pid,
        took: begun.elapsed(),
    });
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

/// Asks the server what matters, and refuses one that serves other data.
pub(crate) fn inspect(layout: &Layout, running: &Running) -> Result<Facts, Error> {
    let asked = || -> Result<Facts, crate::client::AskError> {
        let mut client = running.connect(cluster::SUPERUSER)?;
        let version = client.ask_one("show server_version")?;
        Ok(Facts {
            version: Version::parse(&version).ok_or(crate::client::AskError::Unexpected(
                "a version that is not one",
            ))?,
            checksums: client.ask_one("show data_checksums")? == "on",
            fsync: client.ask_one("show fsync")? == "on",
            data_directory: client.ask_one("show data_directory")?,
        })
    };
    let facts = asked().map_err(|source| Error::Ask {
        doing: format!(
            "ask the server on {} about itself",
            running.socket_dir.display()
        ),
        source,
    })?;
    let expected = layout.pg();
    let serves = std::path::Path::new(&facts.data_directory);
    if serves != expected && serves.canonicalize().ok().as_ref() != Some(&expected) {
        let socket = running.socket_dir.clone();
        return Err(Error::OtherData {
            socket,
            serves: facts.data_directory,
            expected,
        });
    }
    Ok(facts)
}
