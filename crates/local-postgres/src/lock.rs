//! The locks of programs that share a data directory.
//!
//! They are `flock` locks: the kernel releases them when the last process with the open file ends, and the
//! `flock` program of util-linux uses the same ones.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::error::Error;
use crate::layout::Layout;
use crate::wait;

/// An open lock file. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

/// Held to start, stop or create the cluster.
pub(crate) const START: &str = "start";
/// Shared by every program that uses the server; exclusive to stop it.
pub(crate) const USERS: &str = "users";
/// Held by the processes of the server.
pub(crate) const SERVER: &str = "server";
/// Held by the watchdog.
pub(crate) const WATCHDOG: &str = "watchdog";

impl LockFile {
    pub(crate) fn open(layout: &Layout, name: &str) -> Result<Self, Error> {
        let path = layout.locks().join(name);
        let file =
            layout.open(&path, OFlags::empty()).map_err(Error::io("open the lock", &path))?;
        Ok(Self { file, path })
    }

    /// Acquires the exclusive lock, if it is free.
    pub(crate) fn try_exclusive(&self) -> Result<bool, Error> {
        self.acquired(self.file.try_lock())
    }

    /// Acquires the shared lock, if it is not held exclusively.
    pub(crate) fn try_shared(&self) -> Result<bool, Error> {
        self.acquired(self.file.try_lock_shared())
    }

    /// Acquires the exclusive lock within `limit`.
    pub(crate) fn exclusive(
        &self,
        layout: &Layout,
        limit: Duration,
        what: &'static str,
    ) -> Result<(), Error> {
        let acquired =
            wait::until(limit, || self.try_exclusive().map(|acquired| acquired.then_some(())))?;
        acquired.ok_or_else(|| self.busy(layout, limit, what))
    }

    /// Acquires the shared lock within `limit`.
    pub(crate) fn shared(
        &self,
        layout: &Layout,
        limit: Duration,
        what: &'static str,
    ) -> Result<(), Error> {
        let acquired =
            wait::until(limit, || self.try_shared().map(|acquired| acquired.then_some(())))?;
        acquired.ok_or_else(|| self.busy(layout, limit, what))
    }

    /// Releases the lock at once, even if a starting child still has a copy of the open file.
    pub(crate) fn release(&self) {
        // This only fails for a closed file.
        drop(self.file.unlock());
    }

    /// Releases the lock after a successful attempt.
    pub(crate) fn release_if(&self, taken: bool) {
        if taken {
            self.release();
        }
    }

    /// A duplicate of the open file: the lock is held until both are closed.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(crate) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// Increments the counter in the file, by which the watchdog detects new users.
    pub(crate) fn increment(&mut self) -> io::Result<()> {
        let mut text = String::new();
        self.file.rewind()?;
        Read::by_ref(&mut self.file).take(32).read_to_string(&mut text)?;
        let next = text.trim().parse::<u64>().unwrap_or(0).wrapping_add(1);
        self.file.rewind()?;
        self.file.set_len(0)?;
        writeln!(self.file, "{next}")
    }

    fn acquired(&self, result: Result<(), TryLockError>) -> Result<bool, Error> {
        match result {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &self.path)(error)),
        }
    }

    fn busy(&self, layout: &Layout, waited: Duration, what: &'static str) -> Error {
        Error::Busy { dir: layout.dir.clone(), lock: self.path.clone(), what, waited }
    }
}

/// Releases a lock on drop.
#[derive(Debug)]
pub(crate) struct LockGuard(pub(crate) LockFile);

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.0.release();
    }
}
