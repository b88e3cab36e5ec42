//! Starts a server, and reports why a start failed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::stop::IMMEDIATE_LIMIT;
use super::{Running, is_transient, reap};
use crate::cluster::SUPERUSER;
use crate::config::{Config, Durability};
use crate::error::Error;
use crate::install::Installation;
use crate::layout::Layout;
use crate::lock::LockFile;
use crate::log::Log;
use crate::loopback::{self, Loopback};
use crate::process::{self, Shutdown};
use crate::{socket, wait};

/// How long a start is retried while PostgreSQL detects the old server: a killed process exists until its parent
/// has reaped it.
const RETRY_LIMIT: Duration = Duration::from_secs(15);
/// Delay before a retry, for this reason or because the port was in use.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// Starts a server and waits until it accepts connections. The caller holds the lock `server`, which the new
/// server inherits.
pub(crate) fn start(
    layout: &Layout,
    installation: &Installation,
    config: &Config,
    server: &LockFile,
) -> Result<Running, Error> {
    let started = Instant::now();
    loop {
        let limit = config.start_timeout.saturating_sub(started.elapsed());
        match start_once(layout, installation, config, server, limit) {
            Err(Error::Died { output, .. })
                if started.elapsed() < RETRY_LIMIT.min(config.start_timeout / 2)
                    && (is_old_server_present(&output) || loopback::is_taken(&output)) =>
            {
                // There is no condition to wait for: PostgreSQL itself checks the process and the port.
                wait::until::<(), Error>(RETRY_PAUSE, || Ok(None))?;
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
    process::neutralize_pid_file(layout, server)?;
    let loopback = config.loopback.as_ref();
    let port = loopback.map_or(Ok(socket::PORT), Loopback::choose_port)?;
    let socket_dir = socket::directory(layout, port)?;
    socket::clear(&socket_dir)?;
    let listener = match loopback {
        Some(loopback) => loopback.prepare(layout)?,
        None => vec![("listen_addresses", String::new())],
    };
    let log = Log::open(layout)?;
    let child = spawn(layout, installation, config, server, (&socket_dir, port), &listener, &log)?;
    let running =
        Running { pid: child.id(), socket_dir, port, loopback: loopback.is_some(), ours: true };
    let exit_status = reap(child);
    let ready = wait::until(limit, || match running.connect(SUPERUSER) {
        Ok(_) => Ok(Some(())),
        // Checked after the connection attempt, which fails if the server has exited.
        Err(error) => match exit_status.try_recv() {
            Ok(status) => Err(died(layout, &log, Some(status))),
            Err(_) if is_transient(&error) => Ok(None),
            Err(_) => {
                Err(Error::Query { doing: "connect to the new server".to_owned(), source: error })
            }
        },
    });
    match ready {
        Ok(Some(())) => Ok(running),
        Ok(None) => {
            abort(layout, running.pid, &exit_status)?;
            Err(Error::StartTimeout { waited: limit, log: layout.log(), output: log.tail() })
        }
        Err(error) => {
            abort(layout, running.pid, &exit_status)?;
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
    listener: &[(&str, String)],
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
    // The command line overrides postgresql.conf and ALTER SYSTEM.
    for (name, value) in [
        ("fsync", durable),
        ("full_page_writes", durable),
        ("synchronous_commit", durable),
        ("port", &port),
        ("unix_socket_directories", &sockets),
        ("unix_socket_permissions", "0700"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ] {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in listener {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in &config.settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
        // Every process of the server inherits the lock, and holds it until it exits.
        .stdin(Stdio::from(server.handle().map_err(&failed)?))
        .stdout(log.writer(&layout.log())?)
        .stderr(log.writer(&layout.log())?)
        // Not signalled by a Ctrl-C in this terminal.
        .process_group(0)
        .spawn()
        .map_err(failed)
}

/// Stops a server that did not start properly.
fn abort(layout: &Layout, pid: u32, exit_status: &Receiver<ExitStatus>) -> Result<(), Error> {
    // Also if the status has been received already: the reaper has ended then.
    if exit_status.try_recv() != Err(TryRecvError::Empty) {
        return Ok(());
    }
    process::shut_down(layout, pid, Shutdown::Immediate)?;
    // The lock `server` shows the next start whether the server has exited.
    exit_status.recv_timeout(IMMEDIATE_LIMIT).ok();
    Ok(())
}

fn died(layout: &Layout, log: &Log, status: Option<ExitStatus>) -> Error {
    Error::Died { status, log: layout.log(), output: log.tail() }
}

fn is_old_server_present(output: &str) -> bool {
    output.contains("lock file") && output.contains("already exists")
        || output.contains("pre-existing shared memory block")
}
