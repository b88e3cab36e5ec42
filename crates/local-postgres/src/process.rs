//! Identifies the process of the server: `postmaster.pid`, and whether it is stale.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};

use crate::error::Error;
use crate::layout::{Layout, read_small};
use crate::lock::LockFile;
use crate::loopback;

/// An unused process id: above the maximum of Linux and the BSDs.
const UNUSED_PID: i32 = i32::MAX;

/// The contents of `postmaster.pid`, which the server writes line by line during its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    /// Directory and port of the socket, once it exists.
    pub(crate) socket: Option<(PathBuf, u16)>,
    /// Whether it also listens on 127.0.0.1, on the same port.
    pub(crate) loopback: bool,
}

impl PidFile {
    /// Reads the file; `None` if it does not exist or is invalid.
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, Error> {
        let path = path(layout);
        let text = read_small(&path).map_err(Error::io("read", &path))?;
        Ok(text.as_deref().and_then(Self::parse))
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        // A single-user server (`postgres --single`) writes a negative number.
        let pid = lines.first()?.trim().parse::<i32>().ok()?.unsigned_abs();
        if pid == 0 {
            return None;
        }
        let port = lines.get(3).and_then(|line| line.trim().parse().ok());
        let dir = lines.get(4).filter(|line| line.starts_with('/')).map(PathBuf::from);
        let loopback = lines.get(5).is_some_and(|line| line.trim() == loopback::ADDRESS);
        Some(Self { pid, socket: dir.zip(port), loopback })
    }
}

/// What the process id of `postmaster.pid` refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The server of this data directory, started by this crate.
    Ours,
    /// The server of this data directory, started manually.
    Foreign,
    /// No server of this directory: the file is stale.
    Nothing,
    /// A process that this system cannot identify.
    Unknown,
}

/// Identifies a process.
///
/// A server of this crate has the lock `server` as its standard input, and every PostgreSQL server has its data
/// directory as its working directory. Unlike the number alone, both are safe against reused process ids. Without
/// `/proc` the result is unknown.
pub(crate) fn identify(layout: &Layout, pid: u32, server: &LockFile) -> Identity {
    let Some(process) = as_pid(pid) else {
        return Identity::Nothing;
    };
    match rustix::process::test_kill_process(process) {
        Err(rustix::io::Errno::SRCH) => return Identity::Nothing,
        _ if !Path::new("/proc/self/fd").is_dir() => return Identity::Unknown,
        _ => {}
    }
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let is_same_file = |name: &str, other: Option<fs::Metadata>| {
        let found = fs::metadata(proc.join(name)).ok();
        found.zip(other).is_some_and(|(a, b)| (a.dev(), a.ino()) == (b.dev(), b.ino()))
    };
    if is_same_file("fd/0", server.metadata().ok()) {
        Identity::Ours
    } else if is_same_file("cwd", fs::metadata(layout.pg()).ok()) {
        Identity::Foreign
    } else {
        Identity::Nothing
    }
}

/// Neutralizes a stale `postmaster.pid`: one without a process id, which PostgreSQL rejects, or one whose process
/// id now belongs to another program of the same user, which PostgreSQL would treat as a running server.
///
/// Only the number is replaced, and the file is not deleted: it also names the shared memory of the old server,
/// and PostgreSQL must check that no process is attached to it. The caller must hold the lock `server`.
pub(crate) fn neutralize_pid_file(layout: &Layout, server: &LockFile) -> Result<(), Error> {
    let path = path(layout);
    let failed = Error::io("correct the stale", &path);
    let Some(found) = PidFile::read(layout)? else {
        // A full disk leaves an empty file, which PostgreSQL rejects.
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    };
    let alive = as_pid(found.pid)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
    if !alive || identify(layout, found.pid, server) != Identity::Nothing {
        return Ok(());
    }
    let text = read_small(&path).map_err(&failed)?.unwrap_or_default();
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    let flags =
        OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = rustix::fs::open(&path, flags, Mode::empty())
        .map(fs::File::from)
        .map_err(|error| failed(error.into()))?;
    write!(file, "{UNUSED_PID}\n{rest}").map_err(&failed)
}

/// The shutdown modes of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// Close connections, and write the shared buffers.
    Fast,
    /// Exit at once; the next start recovers.
    Immediate,
}

/// Sends the signal of a shutdown. Not an error if the process has exited.
pub(crate) fn shut_down(layout: &Layout, pid: u32, mode: Shutdown) -> Result<(), Error> {
    let signal = match mode {
        Shutdown::Fast => Signal::INT,
        Shutdown::Immediate => Signal::QUIT,
    };
    match as_pid(pid).map(|pid| rustix::process::kill_process(pid, signal)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(error)) => Err(Error::io("stop the server of", &layout.dir)(error)),
    }
}

fn path(layout: &Layout) -> PathBuf {
    layout.pg().join("postmaster.pid")
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_file_is_parsed_at_every_stage_of_a_start() {
        let read = PidFile::parse;
        let whole = "77\n/data/pg\n1700000000\n5432\n/data/run\n\n 10036499 8\nready   \n";
        let socket = Some((PathBuf::from("/data/run"), 5432));
        let with = |loopback| Some(PidFile { pid: 77, socket: socket.clone(), loopback });
        assert_eq!(read(whole), with(false));
        assert_eq!(read(&whole.replace("run\n\n", "run\n127.0.0.1\n")), with(true));
        let early = Some(PidFile { pid: 77, socket: None, loopback: false });
        for started in ["77\n/data/pg\n17", "77", "-77\n/data/pg\n"] {
            assert_eq!(read(started), early, "{started:?}");
        }
        for damaged in ["", "\n", "seven\n/data", "0\n"] {
            assert_eq!(read(damaged), None, "{damaged:?}");
        }
    }
}
