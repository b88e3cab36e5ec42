//! A service that is started, watched and ended.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::process::Tree;
use xtask::error::{Error, Result};

/// How often it is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running service; killed when it is dropped.
pub(crate) struct Service {
    child: Child,
    /// Where it answers.
    pub(crate) address: String,
    /// From its start to the line that says where it answers.
    pub(crate) told: Duration,
    /// From its start to the first 200 of `/readyz`.
    pub(crate) answered: Duration,
}

/// What the system says of its memory.
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
        let began = Instant::now();
        let mut child = piped.spawn().map_err(|source| Error::NotStarted { line, source })?;
        let out = child.stdout.take();
        let telling = thread::spawn(move || {
            let mut first = String::new();
            let read = out.map(|out| BufReader::new(out).read_line(&mut first));
            matches!(read, Some(Ok(1..))).then(|| began.elapsed())
        });
        let mut service = Self {
            child,
            address: address.to_string(),
            told: Duration::ZERO,
            answered: Duration::ZERO,
        };
        while !is_ready(admin) {
            let ended = service.child.try_wait().map_err(Error::doing("wait for the service"))?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                return Err(Error::Refused("the service did not become ready".to_owned()));
            }
            #[expect(clippy::disallowed_methods, reason = "a port offers no event to wait for")]
            thread::sleep(ASK_EVERY);
        }
        service.answered = began.elapsed();
        let told = telling.join().ok().flatten();
        service.told = told.ok_or_else(|| Error::Refused("the service said nothing".to_owned()))?;
        Ok(service)
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let page = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let page = page.map_err(Error::doing("read how much memory the service has"))?;
        let mib = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim_end_matches("kB").trim().parse::<f64>().ok());
            kib.map(|kib| kib / 1_024.0)
        };
        match (mib("VmRSS:"), mib("VmHWM:")) {
            (Some(now_mib), Some(peak_mib)) => Ok(Memory { now_mib, peak_mib }),
            _ => Err(Error::Refused("the system does not say how much memory is used".to_owned())),
        }
    }

    /// Asks it to end, and fails when it does not end well.
    pub(crate) fn end(mut self) -> Result<()> {
        let told = kill_process(Pid::from_child(&self.child), Signal::TERM);
        told.map_err(|error| {
            Error::Refused(format!("the service cannot be told to end: {error}"))
        })?;
        let status = self.child.wait().map_err(Error::doing("wait for the service"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::Refused(format!("the service ended with {status}")))
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address nobody listens on. The service is told it, since it must be asked before it has said
/// where it answers.
fn free_port() -> Result<SocketAddr> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(Error::doing("find a free port"))
}

fn is_ready(admin: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(admin)?;
        let ask = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200 "))
}
