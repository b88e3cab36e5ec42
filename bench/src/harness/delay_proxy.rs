//! The process of `bench-delay-proxy`, which adds latency to connections.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::build;
use crate::harness::process::Tree;
use crate::harness::transport::DELAY_MICROS;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// A running proxy; killed when dropped. It also exits when this process does.
#[derive(Debug)]
pub(crate) struct Delay {
    child: Child,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
}

impl Delay {
    /// Builds it, and starts it in front of a port of 127.0.0.1.
    pub(crate) fn start(workspace: &Workspace, to: u16) -> Result<Self> {
        let mut delay = Command::new(build::bench(workspace, "bench-delay-proxy")?);
        delay.args(["--to", &format!("127.0.0.1:{to}"), "--micros", &DELAY_MICROS.to_string()]);
        let line = format!("{delay:?}");
        // It exits when the pipe to its standard input is closed.
        let piped = delay.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = piped.spawn().map_err(|source| Error::NotStarted { line, source })?;
        let mut proxy = Self { child, port: 0 };
        proxy.port = proxy.address()?.port();
        Ok(proxy)
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }

    fn address(&mut self) -> Result<SocketAddr> {
        let mut first = String::new();
        if let Some(out) = self.child.stdout.take() {
            let read = BufReader::new(out).read_line(&mut first);
            read.map_err(Error::doing("read the address of the delay proxy"))?;
        }
        first.trim().parse().map_err(|_| {
            Error::Refused(format!("the delay proxy printed `{first}` instead of its address"))
        })
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
