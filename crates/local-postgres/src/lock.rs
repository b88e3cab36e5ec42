//! The locks that programs sharing one data directory agree by.
//!
//! They are `flock` locks: the kernel gives them up when the last process that has the open file
//! ends, however it ends, and the `flock` program of util-linux speaks the same language.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::error::Error;
use crate::layout::Layout;
use crate::wait;

/// One of the lock files of a data directory, open. Dropping it gives the lock up.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

/// Held while somebody starts, stops or makes the cluster.
pub(crate) const START: &str = "start";
/// Shared by every program that uses the server; exclusive for whoever ends it.
pub(crate) const USERS: &str = "users";
/// Held by the processes of the server.
pub(crate) const SERVER: &str = "server";
/// Held by the watchdog.
pub(crate) const WATCHDOG: &str = "watchdog";

impl LockFile {
    pub(crate) fn open(layout: &Layout, name: &str) -> Result<Self, Error> {
        let path = layout.locks().join(name);
        let file = layout
            .open(&path, OFlags::empty())
            .map_err(Error::io("open the lock", &path))?;
        Ok(Self { file, path })
    }

    /// Takes the lock alone, if nobody has it.
    pub(crate) fn try_alone(&self) -> Result<bool, Error> {
        self.outcome(self.file.try_lock())
    }

    /// Takes the lock together with others, if nobody has it alone.
    pub(crate) fn try_shared(&self) -> Result<bool, Error> {
        self.outcome(self.file.try_lock_shared())
    }

    /// Takes the lock alone, within `limit`; `waiting` is called once when that takes a while.
    pub(crate) fn alone(
        &self,
        layout: &Layout,
        limit: Duration,
        what: &'static str,
    ) -> Result<(), Error> {
        let taken = wait::until(limit, || self.try_alone().map(|taken| taken.then_some(())))?;
        taken.ok_or_else(|| self.busy(layout, limit, what))
    }

    /// Takes the lock together with others, within `limit`.
    pub(crate) fn shared(
        &self,
        layout: &Layout,
        limit: Duration,
        what: &'static str,
    ) -> Result<(), Error> {
        let taken = wait::until(limit, || self.try_shared().map(|taken| taken.then_some(())))?;
        taken.ok_or_else(|| self.busy(layout, limit, what))
    }

    /// Gives the lock up at once, even where a child that is just being started still has a
    /// copy of the open file.
    pub(crate) fn give_up(&self) {
        // It can only fail for a file that is not open.
        drop(self.file.unlock());
    }

    /// For a lock that was only tried.
    pub(crate) fn give_up_if(&self, taken: bool) {
        if taken {
            self.give_up();
        }
    }

    /// Another handle of the same open file: the lock lasts until both are closed.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(crate) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// Writes a number one higher than the one in the file, so that the watchdog can tell that
    /// somebody came and went.
    pub(crate) fn count_up(&mut self) -> io::Result<()> {
        let mut text = String::new();
        self.file.rewind()?;
        Read::by_ref(&mut self.file)
            .take(32)
            .read_to_string(&mut text)?;
        let next = text.trim().parse::<u64>().unwrap_or(0).wrapping_add(1);
        self.file.rewind()?;
        self.file.set_len(0)?;
        writeln!(self.file, "{next}")
    }

    fn outcome(&self, tried: Result<(), TryLockError>) -> Result<bool, Error> {
        match tried {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &self.path)(error)),
        }
    }

    fn busy(&self, layout: &Layout, waited: Duration, what: &'static str) -> Error {
        Error::Busy {
            dir: layout.dir.clone(),
            lock: self.path.clone(),
            what,
            waited,
        }
    }
}

/// A lock that is given up at the end of a scope, and not before.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) LockFile);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
