//! Starting a server, and telling why when it does not.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::stop::IMMEDIATE_LIMIT;
use super::{Running, is_not_now, reap};
use crate::cluster::SUPERUSER;
use crate::config::{Config, Durability};
use crate::error::Error;
use crate::install::Installation;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::log::Log;
use crate::process::{self, Tell};
use crate::{access, socket, wait};

/// For how long a start is repeated because PostgreSQL believes that the old server is still
/// there: a killed process keeps its number until its parent has noticed.
const LINGERING_LIMIT: Duration = Duration::from_secs(15);
/// How long to wait before such a start is repeated.
const LINGERING_PAUSE: Duration = Duration::from_millis(300);

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
                // Nothing to look at: PostgreSQL itself has to find the process gone.
                wait::until::<(), Error>(LINGERING_PAUSE, || Ok(None))?;
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
    let port = config.loopback_port.unwrap_or(socket::PORT);
    socket::clear(&socket_dir, port)?;
    let log = Log::open(layout)?;
    let child = spawn(layout, installation, config, server, (&socket_dir, port), &log)?;
    let running = Running { pid: child.id(), socket_dir, port, ours: true };
    let ended = reap(child);
    let ready = wait::until(limit, || match running.connect(SUPERUSER) {
        Ok(_) => Ok(Some(())),
        // Looked at after the connection: a server that has ended answers nothing.
        Err(error) => match ended.try_recv() {
            Ok(status) => Err(died(layout, &log, Some(status))),
            Err(_) if is_not_now(&error) => Ok(None),
            Err(_) => {
                Err(Error::Ask { doing: "connect to the new server".to_owned(), source: error })
            }
        },
    });
    match ready {
        Ok(Some(())) => Ok(running),
        Ok(None) => {
            give_up(layout, running.pid, &ended)?;
            Err(Error::StartTimeout { waited: limit, log: layout.log(), output: log.tail() })
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
    (socket_dir, port): (&Path, u16),
    log: &Log,
) -> Result<Child, Error> {
    let program = installation.bin_dir().join("postgres");
    let failed = Error::io("run", &program);
    let durable = match config.durability {
        Durability::Durable => "on",
        Durability::NoFsyncForTests => "off",
    };
    let port = port.to_string();
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
    if config.loopback_port.is_some() {
        let rules = access::write(layout)?;
        command.args(["-c", "listen_addresses=127.0.0.1", "-c"]);
        command.arg(format!("hba_file={}", rules.display()));
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
    Error::Died { status, log: layout.log(), output: log.tail() }
}

fn is_lingering(output: &str) -> bool {
    output.contains("lock file") && output.contains("already exists")
        || output.contains("pre-existing shared memory block")
}
