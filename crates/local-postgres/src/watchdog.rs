//! A small process that outlives this one and stops the server after its last user.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::OFlags;

use crate::error::Error;
use crate::install::on_path;
use crate::layout::{Layout, read_small};
use crate::lock::{LockFile, LockGuard, WATCHDOG};

const SCRIPT: &str = include_str!("watchdog.sh");

/// When the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// This long after its last user.
    Leased { linger: Duration },
    /// When it is stopped explicitly.
    Pinned,
}

impl Mode {
    /// The mode of the last started server; the default if it is unreadable.
    pub(crate) fn read(layout: &Layout) -> Self {
        let mode = layout.locks().join("mode");
        let text = read_small(&mode).ok().flatten().unwrap_or_default();
        let (mode, linger) = text.trim().split_once(' ').unwrap_or(("leased", "0"));
        if mode == "pinned" {
            return Self::Pinned;
        }
        Self::Leased { linger: Duration::from_secs(linger.parse().unwrap_or(0)) }
    }

    /// Writes the mode. The caller holds the locks `start` and `users`, so that it is not read concurrently.
    pub(crate) fn write(self, layout: &Layout) -> Result<(), Error> {
        let path = layout.locks().join("mode");
        let failed = Error::io("write", &path);
        let text = match self {
            Self::Pinned => "pinned 0\n".to_owned(),
            Self::Leased { linger } => {
                let part = u64::from(linger.subsec_nanos() > 0);
                format!("leased {}\n", linger.as_secs() + part)
            }
        };
        let mut file = layout.open(&path, OFlags::TRUNC).map_err(&failed)?;
        file.write_all(text.as_bytes()).map_err(&failed)
    }
}

/// Starts the watchdog, unless it is running. Returns `false` if the system has no `flock` program.
pub(crate) fn ensure(layout: &Layout) -> Result<bool, Error> {
    if on_path("flock").is_none() {
        return Ok(false);
    }
    let lock = LockFile::open(layout, WATCHDOG)?;
    if !lock.try_exclusive()? {
        return Ok(true);
    }
    drop(LockGuard(lock));
    let mut command: Command = layout.account.command("/bin/sh");
    let child = command
        .args(["-c", SCRIPT, "local-postgres-watchdog"])
        .arg(&layout.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Not signalled by a Ctrl-C in this terminal.
        .process_group(0)
        .spawn()
        .map_err(Error::io("start the watchdog of", &layout.dir))?;
    crate::server::reap(child);
    Ok(true)
}
