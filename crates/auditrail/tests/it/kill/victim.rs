//! What is killed, and started again.

use std::net::SocketAddr;
use std::path::Path;

use auditrail_testkit::http::Call;
use auditrail_testkit::{Kill, OwnServer, Transport, eventually, kill_server};
use local_postgres::Status;
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::kill::load::mixed;
use crate::program::Desk;
use crate::running::{Running, key_in};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// `auditrail serve`, with a PostgreSQL of somebody else.
    Service,
    /// That PostgreSQL; the service goes on.
    Database,
    /// Both.
    Both,
    /// `auditrail serve` with its private PostgreSQL: alone, or with that.
    Private,
}

/// A service with a PostgreSQL, and who of the two is to die.
pub(super) struct Stage {
    victim: Victim,
    service: Running,
    desk: Desk,
    key: String,
    postgres: Postgres,
}

enum Postgres {
    Own(Box<OwnServer>),
    /// The service starts it in this folder.
    Private(TempDir),
}

impl Stage {
    pub(super) async fn set(victim: Victim, transport: Transport) -> Self {
        if victim == Victim::Private {
            let dir = TempDir::new().unwrap();
            let desk = Desk::bare();
            let service = Running::start(&desk, &["--data-dir", dir.path().to_str().unwrap()]);
            let key = service.ready["first_key"]["key"].as_str().unwrap().to_owned();
            return Self { victim, service, desk, key, postgres: Postgres::Private(dir) };
        }
        let server = OwnServer::start_over(transport).await;
        let desk = Desk::with(&server.url(&server.service()));
        let key = key_in(server.service()).await;
        let service = Running::start(&desk, &[]);
        Self { victim, service, desk, key, postgres: Postgres::Own(Box::new(server)) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.service.address
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Kills whom the victim says, in the way and the order the seed says.
    ///
    /// A PostgreSQL that is killed alone is started again at once, so that the service finds out about
    /// that while its clients wait.
    pub(super) fn kill(&mut self, seed: u64) {
        let ways = [Kill::Everything, Kill::Postmaster, Kill::Sessions];
        let way = ways[usize::try_from(seed % 3).unwrap()];
        let service_first = mixed(seed, 3).is_multiple_of(2);
        match &mut self.postgres {
            Postgres::Own(server) => match self.victim {
                Victim::Database => {
                    server.kill(way);
                    server.restart();
                }
                Victim::Both if service_first => {
                    self.service.signal(Signal::KILL);
                    server.kill(way);
                }
                Victim::Both => {
                    server.kill(way);
                    self.service.signal(Signal::KILL);
                }
                Victim::Service | Victim::Private => self.service.signal(Signal::KILL),
            },
            Postgres::Private(dir) => {
                let postmaster = postmaster(dir.path());
                self.service.signal(Signal::KILL);
                if service_first {
                    kill_server(postmaster, way);
                }
            }
        }
    }

    /// Starts again what was killed, and waits until it answers.
    pub(super) async fn recover(&mut self) {
        if let (Postgres::Own(server), Victim::Both) = (&mut self.postgres, self.victim) {
            server.restart();
        }
        match &self.postgres {
            Postgres::Own(_) if self.victim == Victim::Database => {}
            Postgres::Own(server) => {
                // A server whose sessions were killed is up again when it has recovered.
                let admin = server.admin();
                eventually("the server takes connections", async || {
                    PgConnection::connect_with(&admin).await.is_ok()
                })
                .await;
                self.service = Running::start(&self.desk, &[]);
            }
            Postgres::Private(dir) => {
                let dir = dir.path().to_str().unwrap();
                self.service = Running::start(&self.desk, &["--data-dir", dir]);
            }
        }
        let admin = self.service.admin;
        eventually("the service is ready", async || {
            let ready = Call::new(admin, "GET", "/readyz");
            ready.send().await.status.is_success()
        })
        .await;
    }
}

/// The process id of the private server in this folder.
fn postmaster(dir: &Path) -> u32 {
    match local_postgres::status(dir).unwrap() {
        Status::Running(info) => info.pid(),
        other => panic!("the private server does not run: {other:?}"),
    }
}
