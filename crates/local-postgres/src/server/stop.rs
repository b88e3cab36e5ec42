//! Stops a server with all its processes.

use std::time::Duration;

use crate::error::Error;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::process::{self, Identity, PidFile, Shutdown};
use crate::wait;

/// Timeout of an immediate shutdown, in which the server only stops its children.
pub(super) const IMMEDIATE_LIMIT: Duration = Duration::from_secs(10);

/// Stops the server, and waits until all its processes have exited.
///
/// After `limit`, an immediate shutdown follows. The server is never killed: its children could continue to
/// write.
pub(crate) fn stop(
    layout: &Layout,
    server: &LockFile,
    mode: Shutdown,
    limit: Duration,
) -> Result<(), Error> {
    let Some(pid) = live_server(layout, server)? else {
        return Ok(());
    };
    process::shut_down(layout, pid, mode)?;
    if has_ended(layout, server, pid, limit)? {
        return Ok(());
    }
    process::shut_down(layout, pid, Shutdown::Immediate)?;
    if has_ended(layout, server, pid, IMMEDIATE_LIMIT)? {
        return Ok(());
    }
    Err(Error::StopTimeout { dir: layout.dir.clone(), pid, waited: limit + IMMEDIATE_LIMIT })
}

/// Process id of the server of this directory, in any state.
fn live_server(layout: &Layout, server: &LockFile) -> Result<Option<u32>, Error> {
    let file = PidFile::read(layout)?;
    let held = !server.try_exclusive()?;
    server.release_if(!held);
    let pid = file.map_or(0, |file| file.pid);
    Ok(match process::identify(layout, pid, server) {
        Identity::Ours | Identity::Foreign => Some(pid),
        Identity::Unknown if held => Some(pid),
        // Its children still exist; they can only be waited for.
        Identity::Nothing if held => Some(0),
        Identity::Nothing | Identity::Unknown => None,
    })
}

/// Waits until all processes of the server have exited.
fn has_ended(layout: &Layout, server: &LockFile, pid: u32, limit: Duration) -> Result<bool, Error> {
    let has_ended = wait::until(limit, || -> Result<_, Error> {
        let free = server.try_exclusive()?;
        server.release_if(free);
        let identity = process::identify(layout, pid, server);
        let is_running = matches!(identity, Identity::Ours | Identity::Foreign);
        Ok((free && !is_running).then_some(()))
    })?;
    Ok(has_ended.is_some())
}
