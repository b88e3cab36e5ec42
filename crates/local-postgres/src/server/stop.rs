//! Ending a server, without leaving a process of it behind.

use std::time::Duration;

use crate::error::Error;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::process::{self, PidFile, Standing, Tell};
use crate::wait;

/// How long a server that was told to end at once may take. It only has to end its children.
pub(super) const IMMEDIATE_LIMIT: Duration = Duration::from_secs(10);

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
