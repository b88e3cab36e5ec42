//! The server process: finding it here, starting and stopping it in the files below.

mod start;
mod stop;

use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver};

use crate::client::{AskError, Client};
use crate::cluster::SUPERUSER;
use crate::error::Error;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::process::{self, PidFile, Standing};

pub(crate) use start::start;
pub(crate) use stop::stop;

/// SQLSTATE of "the database system is starting up", "is shutting down", "is in recovery mode".
const NOT_NOW: &str = "57P03";

/// A server that accepts connections.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) socket_dir: PathBuf,
    pub(crate) port: u16,
    /// Whether it listens on 127.0.0.1 as well, at the same port.
    pub(crate) loopback: bool,
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
    let (pid, loopback) = (file.pid, file.loopback);
    let running = Running { pid, socket_dir, port, loopback, ours: !free };
    Ok(match running.connect(SUPERUSER) {
        Ok(_) => Found::Running(running),
        Err(error) if is_not_now(&error) => Found::Changing { pid: Some(pid) },
        Err(source) => {
            return Err(Error::Ask {
                doing: format!("connect to {}", running.socket_dir.display()),
                source,
            });
        }
    })
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

/// Whether the same question may get an answer a little later.
fn is_not_now(error: &AskError) -> bool {
    match error {
        AskError::Connection(_) => true,
        AskError::Server { .. } => error.is(NOT_NOW),
        AskError::Unexpected(_) => false,
    }
}
