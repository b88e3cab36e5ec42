//! The process of a compared server.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Peer, Route};
use crate::harness::process::Tree;
use crate::harness::psql::Database;
use xtask::error::{Error, Result};

/// The interval of attempts to write the first record.
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
/// Of its start and its end.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The first record.
const FIRST_RECORD: &str = r#"{"actor_id":"bench","actor_type":"user","action":"server.started","target_type":"server","target_id":"bench","request_id":"first"}"#;

/// A running server; its process tree is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Its address.
    pub(crate) address: SocketAddr,
    /// The API key, if it requires one.
    pub(crate) key: Option<String>,
    /// From its start to the acknowledgement of its first record.
    pub(crate) started: Duration,
}

impl Server {
    /// Starts it, and waits until it has acknowledged a record.
    pub(crate) fn start(peer: &Peer, database: Database<'_>) -> Result<Self> {
        let key = peer.prepare(database)?;
        Self::start_at(peer, database, (free_port()?, key))
    }

    /// Starts it again at the same address, after it has exited.
    pub(crate) fn restart(self, peer: &Peer, database: Database<'_>) -> Result<Self> {
        Self::start_at(peer, database, (self.address, self.key.clone()))
    }

    fn start_at(
        peer: &Peer,
        database: Database<'_>,
        (address, key): (SocketAddr, Option<String>),
    ) -> Result<Self> {
        let log = File::options().create(true).append(true).open(&peer.log);
        let log = log.map_err(Error::doing(format!("write {}", peer.log.display())))?;
        let errors = log.try_clone().map_err(Error::doing("write a log"))?;
        let mut command = peer.command(database, address.port());
        let start = Instant::now();
        let child = spawn(command.stdin(Stdio::null()).stdout(log).stderr(errors))?;
        let mut server = Self { child, address, key, started: Duration::ZERO };
        while !server.takes_a_record(peer.side.single()) {
            if server.has_exited()? || start.elapsed() > TIMEOUT {
                let (name, log) = (peer.side.name(), peer.log.display());
                return Err(Error::Refused(format!("{name} does not take records; see {log}")));
            }
            wait();
        }
        server.started = start.elapsed();
        Ok(server)
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }

    /// Kills its process tree.
    pub(crate) fn kill(&mut self) -> Result<()> {
        // The process id of an exited process may be reused.
        if !self.has_exited()? {
            self.tree().kill();
        }
        self.child.wait().map(drop).map_err(Error::doing("wait for a server"))
    }

    /// Whether it has exited.
    pub(crate) fn has_exited(&mut self) -> Result<bool> {
        let status = self.child.try_wait().map_err(Error::doing("wait for a server"))?;
        Ok(status.is_some())
    }

    /// Sends SIGTERM, and kills it after a timeout.
    pub(crate) fn stop(mut self) -> Result<()> {
        let signal = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = Instant::now();
        while signal.is_ok() && start.elapsed() < TIMEOUT && !self.has_exited()? {
            wait();
        }
        self.kill()
    }

    fn takes_a_record(&self, route: Route) -> bool {
        let request = || {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.write_all(first_request(route, self.key.as_deref()).as_bytes())?;
            let mut response = Vec::new();
            stream.read_to_end(&mut response)?;
            Ok::<_, std::io::Error>(response)
        };
        request().is_ok_and(|response| response.starts_with(b"HTTP/1.1 20"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.kill());
    }
}

/// The request that writes the first record, over a connection of its own.
fn first_request(Route { path, header }: Route, key: Option<&str>) -> String {
    let key = key.map(|key| format!("authorization: Bearer {key}"));
    let more: String =
        [header, key.as_deref()].into_iter().flatten().map(|h| h.to_owned() + "\r\n").collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{more}\r\n{FIRST_RECORD}",
        FIRST_RECORD.len()
    )
}

fn spawn(command: &mut Command) -> Result<Child> {
    let line = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|source| Error::NotStarted { line, source })
}

/// A free address, chosen here because not every server reports the one it chooses.
fn free_port() -> Result<SocketAddr> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(Error::doing("find a free port"))
}

fn wait() {
    #[expect(clippy::disallowed_methods, reason = "a port offers no event to wait for")]
    thread::sleep(PROBE_INTERVAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_request_has_header_and_key() {
        let text = first_request(Route { path: "/x", header: Some("prefer: a") }, Some("k"));
        assert!(text.starts_with("POST /x HTTP/1.1\r\nHost: localhost\r\n"), "{text}");
        assert!(text.contains("\r\nprefer: a\r\nauthorization: Bearer k\r\n\r\n{"), "{text}");
        let body = text.split_once("\r\n\r\n").unwrap().1;
        assert!(text.contains(&format!("Content-Length: {}\r\n", body.len())), "{text}");
    }
}
