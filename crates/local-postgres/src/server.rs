//! Finding, starting and stopping the server process.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crate::client::{AskError, Client};
use crate::cluster::SUPERUSER;
use crate::config::{Config, Durability};
use crate::error::Error;
use crate::install::Installation;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::log::Log;
use crate::process::{self, PidFile, Standing, Tell};
use crate::{socket, wait};

/// For how long a start is repeated because PostgreSQL believes that the old server is still
/// there: a killed process keeps its number until its parent has noticed.
const LINGERING_LIMIT: Duration = Duration::from_secs(15);
/// How long a server that was told to end at once may take. It only has to end its children.
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(10);
/// SQLSTATE of "the database system is starting up", "is shutting down", "is in recovery mode".
const NOT_NOW: &str = "57P03";

/// A server that accepts connections.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) socket_dir: PathBuf,
    pub(crate) port: u16,
    /// Whether it was started through this crate, by whichever program.
    pub(crate) ours: bool,
}

impl Running {
    pub(crate) fn connect(&self, database: &str) -> Result<Client, AskError> {
        Client::connect(&self.socket_dir, self.port, SUPERUSER, database)
    }
}

/// What is there now.
pub(crate) enum Found {
    /// A server that accepts connections.
    Running(Running),
    /// A server that starts, recovers or ends.
    Changing { pid: Option<u32> },
    /// None. The lock `server` is now held, so that it stays like this.
    Nothing,
}

/// Looks for the server of this directory.
pub(crate) fn find(layout: &Layout, server: &LockFile) -> Result<Found, Error> {
    let free = server.try_alone()?;
    let file = PidFile::read(layout)?;
    let pid = file.as_ref().map(|file| file.pid);
    if free {
        let foreign =
            pid.is_some_and(|pid| process::standing(layout, pid, server) == Standing::Foreign);
        if !foreign {
            return Ok(Found::Nothing);
        }
        server.give_up();
    }
    let Some((file, (socket_dir, port))) =
        file.and_then(|file| file.socket.clone().map(|socket| (file, socket)))
    else {
        return Ok(Found::Changing { pid });
    };
    let running = Running {
        pid: file.pid,
        socket_dir,
        port,
        ours: !free,
    };
    Ok(match running.connect(SUPERUSER) {
        Ok(_) => Found::Running(running),
        Err(error) if is_not_now(&error) => Found::Changing { pid },
        Err(source) => {
            return Err(Error::Ask {
                doing: format!("connect to {}", running.socket_dir.display()),
                source,
            });
        }
    })
}

/// Starts a server and waits until it accepts connections. The lock `server` is held by us, and
/// passes to the new server.
pub(crate) fn start(
    layout: &Layout,
    installation: &Installation,
    config: &Config,
    server: &LockFile,
) -> Result<Running, Error> {
    let begun = Instant::now();
    loop {
        let limit = config.start_timeout.saturating_sub(begun.elapsed());
        match start_once(layout, installation, config, server, limit) {
            Err(Error::Died { output, .. })
                if begun.elapsed() < LINGERING_LIMIT && is_lingering(&output) =>
            {
                wait::until::<(), Error>(Duration::from_millis(300), || Ok(None))?;
            }
            outcome => return outcome,
        }
    }
}

fn start_once(
    layout: &Layout,
    installation: &Installation,
    config: &Config,
    server: &LockFile,
    limit: Duration,
) -> Result<Running, Error> {
    process::disarm(layout, server)?;
    let socket_dir = socket::directory(layout)?;
    socket::clear(&socket_dir)?;
    let log = Log::open(layout)?;
    let child = spawn(layout, installation, config, server, &socket_dir, &log)?;
    let running = Running {
        pid: child.id(),
        socket_dir,
        port: socket::PORT,
        ours: true,
    };
    let ended = reap(child);
    let ready = wait::until(limit, || match running.connect(SUPERUSER) {
        Ok(_) => Ok(Some(())),
        // Looked at after the connection: a server that has ended answers nothing.
        Err(error) => match ended.try_recv() {
            Ok(status) => Err(died(layout, &log, Some(status))),
            Err(_) if is_not_now(&error) => Ok(None),
            Err(_) => Err(Error::Ask {
                doing: "connect to the new server".to_owned(),
                source: error,
            }),
        },
    });
    match ready {
        Ok(Some(())) => Ok(running),
        Ok(None) => {
            give_up(layout, running.pid, &ended)?;
            Err(Error::StartTimeout {
                waited: limit,
                log: layout.log(),
                output: log.tail(),
            })
        }
        Err(error) => {
            give_up(layout, running.pid, &ended)?;
            Err(error)
        }
    }
}

fn spawn(
    layout: &Layout,
    installation: &Installation,
    config: &Config,
    server: &LockFile,
    socket_dir: &Path,
    log: &Log,
) -> Result<Child, Error> {
    let program = installation.bin_dir().join("postgres");
    let failed = Error::io("run", &program);
    let durable = match config.durability {
        Durability::Durable => "on",
        Durability::NoFsyncForTests => "off",
    };
    let port = socket::PORT.to_string();
    let sockets = socket::as_setting(socket_dir);
    let mut command = layout.account.command(&program);
    command.arg("-D").arg(layout.pg());
    // The command line wins over postgresql.conf and ALTER SYSTEM.
    for (name, value) in [
        ("fsync", durable),
        ("full_page_writes", durable),
        ("synchronous_commit", durable),
        ("listen_addresses", ""),
        ("port", &port),
        ("unix_socket_directories", &sockets),
        ("unix_socket_permissions", "0700"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ] {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in &config.settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
        // Every process of the server inherits the lock, and none gives it up before it ends.
        .stdin(Stdio::from(server.handle().map_err(&failed)?))
        .stdout(log.writer(&layout.log())?)
        .stderr(log.writer(&layout.log())?)
        // Not reached by a Ctrl-C that is meant for us.
        .process_group(0)
        .spawn()
        .map_err(failed)
}

/// Ends the server, and waits until all its processes are gone.
///
/// `how` is what it is told first. One that takes longer than `limit` is then told to end at
/// once. It is never killed: that would leave processes that still write behind.
pub(crate) fn stop(
    layout: &Layout,
    server: &LockFile,
    how: Tell,
    limit: Duration,
) -> Result<(), Error> {
    let Some(pid) = standing_server(layout, server)? else {
        return Ok(());
    };
    process::tell(layout, pid, how)?;
    if gone(layout, server, pid, limit)? {
        return Ok(());
    }
    process::tell(layout, pid, Tell::Immediate)?;
    if gone(layout, server, pid, IMMEDIATE_LIMIT)? {
        return Ok(());
    }
    Err(Error::StopTimeout {
        dir: layout.dir.clone(),
        pid,
        waited: limit + IMMEDIATE_LIMIT,
    })
}

/// Process id of a server of this directory that lives, in whatever state.
fn standing_server(layout: &Layout, server: &LockFile) -> Result<Option<u32>, Error> {
    let file = PidFile::read(layout)?;
    let held = !server.try_alone()?;
    server.give_up_if(!held);
    let pid = file.map_or(0, |file| file.pid);
    Ok(match process::standing(layout, pid, server) {
        Standing::Ours | Standing::Foreign => Some(pid),
        Standing::Unknown if held => Some(pid),
        // Its children are still there; waiting is all that can be done.
        Standing::Nothing if held => Some(0),
        Standing::Nothing | Standing::Unknown => None,
    })
}

/// Waits until no process of the server is left.
fn gone(layout: &Layout, server: &LockFile, pid: u32, limit: Duration) -> Result<bool, Error> {
    let gone = wait::until(limit, || -> Result<_, Error> {
        let free = server.try_alone()?;
        server.give_up_if(free);
        let stands = process::standing(layout, pid, server);
        let there = matches!(stands, Standing::Ours | Standing::Foreign);
        Ok((free && !there).then_some(()))
    })?;
    Ok(gone.is_some())
}

/// Waits for a child on a thread of its own, so that it never stays behind as a dead process
/// that still has a number: PostgreSQL would take that for a living server.
pub(crate) fn reap(mut child: Child) -> Receiver<ExitStatus> {
    let (ended, receiver) = mpsc::channel();
    let name = "local-postgres-reaper".to_owned();
    let reaper = std::thread::Builder::new().name(name).spawn(move || {
        if let Ok(status) = child.wait() {
            // Nobody listens after the start.
            ended.send(status).ok();
        }
    });
    // Without a thread to spare the child is reaped when we end, as any other.
    drop(reaper);
    receiver
}

/// Ends a server that did not start properly.
fn give_up(layout: &Layout, pid: u32, ended: &Receiver<ExitStatus>) -> Result<(), Error> {
    // Also when the status has been taken already: the reaper has ended then.
    if ended.try_recv() != Err(TryRecvError::Empty) {
        return Ok(());
    }
    process::tell(layout, pid, Tell::Immediate)?;
    // The lock `server` tells the next one whether it really ended.
    ended.recv_timeout(IMMEDIATE_LIMIT).ok();
    Ok(())
}

fn died(layout: &Layout, log: &Log, status: Option<ExitStatus>) -> Error {
    Error::Died {
        status,
        log: layout.log(),
        output: log.tail(),
    }
}

/// Whether the same question may get an answer a little later.
fn is_not_now(error: &AskError) -> bool {
    match error {
        AskError::Connection(_) => true,
        AskError::Server { .. } => error.is(NOT_NOW),
        AskError::Unexpected(_) => false,
    }
}

fn is_lingering(output: &str) -> bool {
    output.contains("lock file") && output.contains("already exists")
        || output.contains("pre-existing shared memory block")
}
