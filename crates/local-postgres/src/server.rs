//! The server process: finds it; the submodules start and stop it.

mod start;
mod stop;

use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver};

use crate::client::{Client, QueryError};
use crate::cluster::SUPERUSER;
use crate::error::Error;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::process::{self, Identity, PidFile};

pub(crate) use start::start;
pub(crate) use stop::stop;

/// SQLSTATE of "the database system is starting up", "is shutting down", "is in recovery mode".
const CANNOT_CONNECT_NOW: &str = "57P03";

/// A server that accepts connections.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) socket_dir: PathBuf,
    pub(crate) port: u16,
    /// Whether it also listens on 127.0.0.1, on the same port.
    pub(crate) loopback: bool,
    /// Whether it was started by this crate, in any program.
    pub(crate) ours: bool,
}

impl Running {
    pub(crate) fn connect(&self, database: &str) -> Result<Client, QueryError> {
        Client::connect(&self.socket_dir, self.port, SUPERUSER, database)
    }
}

/// The state of the server.
pub(crate) enum ServerState {
    /// A server that accepts connections.
    Running(Running),
    /// A server that starts, recovers or shuts down.
    Changing { pid: Option<u32> },
    /// No server. The lock `server` is now held, so that none can start.
    Nothing,
}

/// Finds the server of the data directory.
pub(crate) fn find(layout: &Layout, server: &LockFile) -> Result<ServerState, Error> {
    let free = server.try_exclusive()?;
    let file = PidFile::read(layout)?;
    let pid = file.as_ref().map(|file| file.pid);
    if free {
        let foreign =
            pid.is_some_and(|pid| process::identify(layout, pid, server) == Identity::Foreign);
        if !foreign {
            return Ok(ServerState::Nothing);
        }
        server.release();
    }
    let Some((file, (socket_dir, port))) =
        file.and_then(|file| file.socket.clone().map(|socket| (file, socket)))
    else {
        return Ok(ServerState::Changing { pid });
    };
    let running = Running { pid: file.pid, socket_dir, port, loopback: file.loopback, ours: !free };
    Ok(match running.connect(SUPERUSER) {
        Ok(_) => ServerState::Running(running),
        Err(error) if is_transient(&error) => ServerState::Changing { pid: Some(running.pid) },
        Err(source) => {
            return Err(Error::Query {
                doing: format!("connect to {}", running.socket_dir.display()),
                source,
            });
        }
    })
}

/// Waits for a child on its own thread, so that it does not become a zombie, which PostgreSQL would treat as a
/// running server.
pub(crate) fn reap(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, receiver) = mpsc::channel();
    let name = "local-postgres-reaper".to_owned();
    let reaper = std::thread::Builder::new().name(name).spawn(move || {
        if let Ok(status) = child.wait() {
            // The receiver is dropped after the start.
            sender.send(status).ok();
        }
    });
    // If the thread cannot be created, the child is reaped when this process ends.
    drop(reaper);
    receiver
}

/// Whether a retry may succeed.
fn is_transient(error: &QueryError) -> bool {
    match error {
        QueryError::Connection(_) => true,
        QueryError::Server { .. } => error.is(CANNOT_CONNECT_NOW),
        QueryError::Unexpected(_) => false,
    }
}
