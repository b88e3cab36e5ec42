//! The processes that are killed and restarted.

use std::net::SocketAddr;
use std::path::Path;

use auditrail_testkit::http::Call;
use auditrail_testkit::{Kill, OwnServer, Transport, eventually, kill_server};
use local_postgres::Status;
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::kill::load::mixed;
use crate::sandbox::Sandbox;
use crate::service::{Service, key_in};
use crate::signing::with_key;

/// Which process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// `auditrail serve` on an external PostgreSQL.
    Service,
    /// The external PostgreSQL; the service keeps running.
    Database,
    /// Both.
    Both,
    /// `auditrail serve` with a private PostgreSQL, alone or together with it.
    Private,
}

/// A service, its PostgreSQL, and the victim.
pub(super) struct Stage {
    victim: Victim,
    service: Service,
    sandbox: Sandbox,
    key: String,
    postgres: Postgres,
}

enum Postgres {
    Own(Box<OwnServer>),
    /// A private PostgreSQL with this data directory.
    Private(TempDir),
}

impl Stage {
    pub(super) async fn start(victim: Victim, transport: Transport) -> Self {
        if victim == Victim::Private {
            let dir = TempDir::new().unwrap();
            let sandbox = Sandbox::bare();
            let service = Service::start(&sandbox, &["--data-dir", dir.path().to_str().unwrap()]);
            let key = service.ready["first_key"]["key"].as_str().unwrap().to_owned();
            return Self { victim, service, sandbox, key, postgres: Postgres::Private(dir) };
        }
        let server = OwnServer::start_over(transport).await;
        let key = key_in(server.service()).await;
        let sandbox = with_key(&server.url(&server.service()), &key);
        let service = Service::start(&sandbox, &[]);
        Self { victim, service, sandbox, key, postgres: Postgres::Own(Box::new(server)) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.service.address
    }

    /// From now on another process is killed, of those of an external PostgreSQL.
    pub(super) fn aim_at(&mut self, victim: Victim) {
        self.victim = victim;
    }

    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    /// The working directory of the service, with its signing key.
    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The external PostgreSQL.
    pub(super) fn server(&self) -> &OwnServer {
        match &self.postgres {
            Postgres::Own(server) => server,
            Postgres::Private(_) => panic!("a private PostgreSQL has no test server"),
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Kills the victim; the seed selects how and in which order.
    ///
    /// If only PostgreSQL is killed, it is restarted at once, so that the service recovers while its clients
    /// wait.
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

    /// Restarts the victim, and waits until the service is ready.
    pub(super) async fn recover(&mut self) {
        if let (Postgres::Own(server), Victim::Both) = (&mut self.postgres, self.victim) {
            server.restart();
        }
        match &self.postgres {
            Postgres::Own(_) if self.victim == Victim::Database => {}
            Postgres::Own(server) => {
                // After a killed session PostgreSQL first goes through crash recovery.
                let admin = server.admin();
                eventually("the server accepts connections", async || {
                    PgConnection::connect_with(&admin).await.is_ok()
                })
                .await;
                self.service = Service::start(&self.sandbox, &[]);
            }
            Postgres::Private(dir) => {
                let dir = dir.path().to_str().unwrap();
                self.service = Service::start(&self.sandbox, &["--data-dir", dir]);
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

/// The process id of the private server.
fn postmaster(dir: &Path) -> u32 {
    match local_postgres::status(dir).unwrap() {
        Status::Running(info) => info.pid(),
        other => panic!("the private server does not run: {other:?}"),
    }
}
