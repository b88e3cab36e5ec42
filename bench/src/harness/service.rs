//! A process of `auditrail serve`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::process::Tree;
use xtask::error::{Error, Result};

/// The interval of readiness probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(1);
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running service; killed when dropped.
pub(crate) struct Service {
    child: Child,
    /// The address of its API.
    pub(crate) address: String,
    admin: SocketAddr,
    /// From its start to its ready line.
    pub(crate) printed: Duration,
    /// From its start to the first 200 of `/readyz`.
    pub(crate) ready: Duration,
}

/// Resident memory.
pub(crate) struct Memory {
    pub(crate) now_mib: f64,
    pub(crate) peak_mib: f64,
}

impl Service {
    /// Starts `command` with `serve`, and waits until it is ready.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let (address, admin) = (free_port()?, free_port()?);
        command.args(["serve", "--json", "--listen", &address.to_string()]);
        command.args(["--admin-listen", &admin.to_string()]).env("AUDITRAIL_LOG", "warn");
        let line = format!("{command:?}");
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let start = Instant::now();
        let mut child = piped.spawn().map_err(|source| Error::NotStarted { line, source })?;
        let out = child.stdout.take();
        let ready_line = thread::spawn(move || {
            let mut first = String::new();
            let read = out.map(|out| BufReader::new(out).read_line(&mut first));
            matches!(read, Some(Ok(1..))).then(|| start.elapsed())
        });
        let mut service = Self {
            child,
            address: address.to_string(),
            admin,
            printed: Duration::ZERO,
            ready: Duration::ZERO,
        };
        while !is_ready(admin) {
            let status = service.child.try_wait().map_err(Error::doing("wait for the service"))?;
            if status.is_some() || start.elapsed() > START_TIMEOUT {
                return Err(Error::Refused("the service did not become ready".to_owned()));
            }
            #[expect(clippy::disallowed_methods, reason = "a port offers no event to wait for")]
            thread::sleep(PROBE_INTERVAL);
        }
        service.ready = start.elapsed();
        let printed = ready_line.join().ok().flatten();
        service.printed = printed
            .ok_or_else(|| Error::Refused("the service printed no ready line".to_owned()))?;
        Ok(service)
    }

    /// Its metrics, as text.
    pub(crate) fn metrics(&self) -> Result<String> {
        get(self.admin, "/metrics").map_err(Error::doing("read the metrics of the service"))
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let page = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let page = page.map_err(Error::doing("read the memory of the service"))?;
        let mib = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim_end_matches("kB").trim().parse::<f64>().ok());
            kib.map(|kib| kib / 1_024.0)
        };
        match (mib("VmRSS:"), mib("VmHWM:")) {
            (Some(now_mib), Some(peak_mib)) => Ok(Memory { now_mib, peak_mib }),
            _ => Err(Error::Refused("/proc has no memory of the service".to_owned())),
        }
    }

    /// Sends SIGTERM and waits; fails unless it exits with success.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|error| Error::Refused(format!("cannot stop the service: {error}")))?;
        let status = self.child.wait().map_err(Error::doing("wait for the service"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::Refused(format!("the service exited with {status}")))
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A free address, chosen here because readiness is probed before the service prints its own.
fn free_port() -> Result<SocketAddr> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(Error::doing("find a free port"))
}

fn is_ready(admin: SocketAddr) -> bool {
    get(admin, "/readyz").is_ok_and(|response| response.starts_with("HTTP/1.1 200 "))
}

/// A response with its head.
fn get(from: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(from)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
