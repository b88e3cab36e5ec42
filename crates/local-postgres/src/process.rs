//! Which process is the server: `postmaster.pid`, and whether to believe it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};

use crate::error::Error;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::loopback;

/// A process id that no process has: above the highest that Linux and the BSDs give out.
const NOBODYS_PID: i32 = i32::MAX;

/// What `postmaster.pid` says. The server writes it line by line while it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    /// Directory and port of the socket, once the server has made it.
    pub(crate) socket: Option<(PathBuf, u16)>,
    /// Whether it listens on 127.0.0.1 as well, at the same port.
    pub(crate) loopback: bool,
}

impl PidFile {
    /// Reads it; `None` when there is none, or nothing sensible in it.
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, Error> {
        let path = path(layout);
        match fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        // A server without clients (`postgres --single`) writes its number with a minus.
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

/// What a process id that was read from `postmaster.pid` stands for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The server of this data directory, started through this crate.
    Ours,
    /// The server of this data directory, started by somebody by hand.
    Foreign,
    /// No server of this directory: the file is a leftover.
    Nothing,
    /// A process, and this system does not say which.
    Unknown,
}

/// Looks a process up.
///
/// A server that this crate starts has the lock `server` as its standard input, and every
/// PostgreSQL server has its data directory as its working directory. Both survive a reused
/// process id, which a comparison of numbers does not. Without `/proc` it stays unknown.
pub(crate) fn standing(layout: &Layout, pid: u32, server: &LockFile) -> Standing {
    let Some(process) = as_pid(pid) else {
        return Standing::Nothing;
    };
    match rustix::process::test_kill_process(process) {
        Err(rustix::io::Errno::SRCH) => return Standing::Nothing,
        _ if !Path::new("/proc/self/fd").is_dir() => return Standing::Unknown,
        _ => {}
    }
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let same = |name: &str, other: Option<fs::Metadata>| {
        let found = fs::metadata(proc.join(name)).ok();
        found.zip(other).is_some_and(|(a, b)| (a.dev(), a.ino()) == (b.dev(), b.ino()))
    };
    if same("fd/0", server.metadata().ok()) {
        Standing::Ours
    } else if same("cwd", fs::metadata(layout.pg()).ok()) {
        Standing::Foreign
    } else {
        Standing::Nothing
    }
}

/// Makes a leftover `postmaster.pid` harmless: one without a process id, which PostgreSQL refuses,
/// and one whose process id now belongs to another program of the same user, which it would take
/// for a living server for ever.
///
/// Only the number is replaced. The file also names the shared memory of the old server, and
/// PostgreSQL must still see that nobody is attached to it: the reason not to delete the file.
/// Only to be called while the lock `server` is held, so that there is no server of ours.
pub(crate) fn disarm(layout: &Layout, server: &LockFile) -> Result<(), Error> {
    let path = path(layout);
    let failed = Error::io("correct the leftover", &path);
    let Some(found) = PidFile::read(layout)? else {
        // A full disk leaves an empty file, which PostgreSQL refuses. It names nothing to look at.
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    };
    let alive = as_pid(found.pid)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
    if !alive || standing(layout, found.pid, server) != Standing::Nothing {
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(&failed)?;
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&path, flags, Mode::empty());
    let mut file = opened.map(fs::File::from).map_err(|error| failed(error.into()))?;
    write!(file, "{NOBODYS_PID}\n{rest}").map_err(&failed)
}

/// How to tell a server to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// Break off connections, write everything out.
    Fast,
    /// End at once; the next start recovers.
    Immediate,
}

/// Sends the signal; a process that is already gone is fine.
pub(crate) fn tell(layout: &Layout, pid: u32, tell: Tell) -> Result<(), Error> {
    let signal = match tell {
        Tell::Fast => Signal::INT,
        Tell::Immediate => Signal::QUIT,
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
    fn a_pid_file_is_understood_at_every_stage_of_a_start() {
        let read = PidFile::parse;
        let whole = "77\n/data/pg\n1700000000\n5432\n/data/run\n\n 10036499 8\nready   \n";
        let socket = Some((PathBuf::from("/data/run"), 5432));
        let with = |loopback| Some(PidFile { pid: 77, socket: socket.clone(), loopback });
        assert_eq!(read(whole), with(false));
        assert_eq!(read(&whole.replace("run\n\n", "run\n127.0.0.1\n")), with(true));
        let early = Some(PidFile { pid: 77, socket: None, loopback: false });
        for begun in ["77\n/data/pg\n17", "77", "-77\n/data/pg\n"] {
            assert_eq!(read(begun), early, "{begun:?}");
        }
        for damaged in ["", "\n", "seven\n/data", "0\n"] {
            assert_eq!(read(damaged), None, "{damaged:?}");
        }
    }
}
