//! A server of any side that is started, asked, and ended or killed.

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

/// How often it is asked whether it takes a record.
const ASK_EVERY: Duration = Duration::from_millis(2);
/// Longest wait for that, and for its end.
const PATIENCE: Duration = Duration::from_secs(30);
/// What it is asked to take.
const FIRST: &str = r#"{"actor_id":"bench","actor_type":"user","action":"server.started","target_type":"server","target_id":"bench","request_id":"first"}"#;

/// A running server; all of it is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// The key it wants with every request, if it does.
    pub(crate) key: Option<String>,
    /// From its start until it had acknowledged its first record.
    pub(crate) started: Duration,
}

impl Server {
    /// Starts it, and waits until it has acknowledged a record.
    pub(crate) fn start(peer: &Peer, database: Database<'_>) -> Result<Self> {
        let key = peer.ready(database)?;
        Self::start_at(peer, database, (free_port()?, key))
    }

    /// Starts it once more where the one before was, which has ended.
    pub(crate) fn start_again(self, peer: &Peer, database: Database<'_>) -> Result<Self> {
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
        let began = Instant::now();
        let child = spawn(command.stdin(Stdio::null()).stdout(log).stderr(errors))?;
        let mut server = Self { child, address, key, started: Duration::ZERO };
        while !server.takes_a_record(peer.side.single()) {
            if server.has_ended()? || began.elapsed() > PATIENCE {
                let (name, log) = (peer.side.name(), peer.log.display());
                return Err(Error::Refused(format!("{name} does not take records; see {log}")));
            }
            wait();
        }
        server.started = began.elapsed();
        Ok(server)
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.child.id())
    }

    /// Kills it without a warning, with all it started.
    pub(crate) fn kill(&mut self) -> Result<()> {
        // The number of one that has ended may be another's by now.
        if !self.has_ended()? {
            self.tree().kill();
        }
        self.child.wait().map(drop).map_err(Error::doing("wait for a server"))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        let ended = self.child.try_wait().map_err(Error::doing("wait for a server"))?;
        Ok(ended.is_some())
    }

    /// Asks it to end, and kills it when it takes too long.
    pub(crate) fn end(mut self) -> Result<()> {
        let told = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while told.is_ok() && began.elapsed() < PATIENCE && !self.has_ended()? {
            wait();
        }
        self.kill()
    }

    fn takes_a_record(&self, route: Route) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request(route, self.key.as_deref()).as_bytes())?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 20"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.kill());
    }
}

/// A request that writes one record over a connection of its own.
fn request(Route { path, header }: Route, key: Option<&str>) -> String {
    let key = key.map(|key| format!("authorization: Bearer {key}"));
    let more: String =
        [header, key.as_deref()].into_iter().flatten().map(|h| h.to_owned() + "\r\n").collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{more}\r\n{FIRST}",
        FIRST.len()
    )
}

fn spawn(command: &mut Command) -> Result<Child> {
    let line = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|source| Error::NotStarted { line, source })
}

/// An address nobody listens on. The server is told it, since some cannot say where they answer.
fn free_port() -> Result<SocketAddr> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(Error::doing("find a free port"))
}

fn wait() {
    #[expect(clippy::disallowed_methods, reason = "a port offers no event to wait for")]
    thread::sleep(ASK_EVERY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_has_what_the_side_wants() {
        let text = request(Route { path: "/x", header: Some("prefer: a") }, Some("k"));
        assert!(text.starts_with("POST /x HTTP/1.1\r\nHost: localhost\r\n"), "{text}");
        assert!(text.contains("\r\nprefer: a\r\nauthorization: Bearer k\r\n\r\n{"), "{text}");
        let body = text.split_once("\r\n\r\n").unwrap().1;
        assert!(text.contains(&format!("Content-Length: {}\r\n", body.len())), "{text}");
    }
}
