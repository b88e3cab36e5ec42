//! The servers that are compared: Auditrail and its alternatives, each with a folder in `bench/peers/`.

mod install;
mod pg_variables;
mod server;

use std::path::PathBuf;
use std::process::Command;

use crate::harness::psql::Database;
use crate::harness::testbed::Testbed;
use xtask::error::Result;
use xtask::postgres;
use xtask::sh::Sh;
use xtask::workspace::Workspace;

pub(crate) use server::Server;

/// The view and the role for `PostgREST`.
const VIEW: &str = include_str!("../../peers/postgrest/view.sql");

/// A compared server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Fastify,
    Axum,
    Fastapi,
    Postgrest,
    /// HTTP and JSON without a database: a lower bound, not a peer.
    Bare,
}

impl Side {
    /// The servers that write records.
    pub(crate) const ALL: [Self; 5] =
        [Self::Ours, Self::Fastify, Self::Axum, Self::Fastapi, Self::Postgrest];

    /// Its name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "auditrail",
            Self::Fastify => "fastify + pg",
            Self::Axum => "axum + sqlx",
            Self::Fastapi => "FastAPI + asyncpg",
            Self::Postgrest => "PostgREST",
            Self::Bare => "bare axum handler",
        }
    }

    /// Its folder below `bench/peers`.
    const fn folder(self) -> &'static str {
        match self {
            Self::Ours => "auditrail",
            Self::Fastify => "fastify",
            Self::Axum => "axum-sqlx",
            Self::Fastapi => "fastapi",
            Self::Postgrest => "postgrest",
            Self::Bare => "axum-bare",
        }
    }

    /// Whether it writes to the database.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Bare)
    }

    /// The route of a single record.
    pub(crate) const fn single(self) -> Route {
        match self {
            Self::Ours => Route { path: "/v1/audit-logs", header: None },
            Self::Postgrest => Route {
                path: "/audit_logs?select=id",
                header: Some("prefer: return=representation"),
            },
            Self::Fastify | Self::Axum | Self::Fastapi | Self::Bare => {
                Route { path: "/audit-logs", header: None }
            }
        }
    }

    /// The route of a batch, if it has one.
    pub(crate) const fn batch(self) -> Option<Route> {
        match self {
            Self::Ours => Some(Route { path: "/v1/audit-logs/batch", header: None }),
            // With the columns, because records may lack some.
            Self::Postgrest => Some(Route {
                path: "/audit_logs?columns=actor_id,actor_type,action,target_type,target_id,metadata,\
                       ip_address,user_agent,tenant_id,request_id",
                header: Some("prefer: return=minimal"),
            }),
            Self::Fastify | Self::Axum | Self::Fastapi | Self::Bare => None,
        }
    }

    /// The path of the newest hundred records, if it has one.
    pub(crate) const fn newest(self) -> Option<&'static str> {
        match self {
            Self::Ours => Some("/v1/audit-logs"),
            Self::Fastify => Some("/audit-logs"),
            Self::Postgrest => Some("/audit_logs?order=created_at.desc,id.desc&limit=100"),
            Self::Axum | Self::Fastapi | Self::Bare => None,
        }
    }
}

/// A path, and a header for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) path: &'static str,
    /// As `name: value`.
    pub(crate) header: Option<&'static str>,
}

/// A server that is ready to be started.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) side: Side,
    /// Its executable.
    program: PathBuf,
    /// Its first arguments.
    args: Vec<String>,
    /// Its working directory.
    dir: PathBuf,
    /// The file of its output.
    log: PathBuf,
    /// Its pool size; Auditrail keeps its default.
    pool: u16,
    /// The versions of its components.
    versions: String,
}

/// The pool size of peers: twice the default of their libraries.
pub(crate) const POOL: u16 = 20;

/// Prepares servers; for each that cannot be prepared, returns a sentence with the reason.
pub(crate) fn prepare(
    workspace: &Workspace,
    testbed: &Testbed,
    sides: &[Side],
    pool: u16,
) -> Result<(Vec<Peer>, Vec<String>)> {
    let (mut peers, mut notes) = (Vec::new(), Vec::new());
    for side in sides {
        let peer = match side {
            Side::Ours => Ok(ours(workspace, testbed)?),
            side => install::peer(workspace, *side, pool),
        };
        match peer {
            Ok(peer) => peers.push(peer),
            Err(error) => {
                let note = format!("{} was left out: {error}.", side.name());
                eprintln!("{note}");
                notes.push(note);
            }
        }
    }
    Ok((peers, notes))
}

fn ours(workspace: &Workspace, testbed: &Testbed) -> Result<Peer> {
    let version = testbed.bench.run(&["--version"])?;
    Ok(Peer {
        side: Side::Ours,
        program: workspace.target().join("release/auditrail"),
        args: vec!["serve".to_owned()],
        dir: testbed.bench.dir.clone(),
        log: testbed.bench.dir.join("auditrail.log"),
        pool: 0,
        versions: version.trim().trim_start_matches("auditrail ").to_owned(),
    })
}

impl Peer {
    /// For `Part::settings`: its name and versions.
    pub(crate) fn setting(&self) -> (String, String) {
        (self.side.name().to_owned(), self.versions.clone())
    }

    /// Prepares the database; returns the API key, if the server requires one.
    fn prepare(&self, database: Database<'_>) -> Result<Option<String>> {
        match self.side {
            Side::Ours => {
                let create = ["--quiet", "key", "create", "--scope", "write", "--scope", "read"];
                let key = Sh::new(&self.program).quiet_env("DATABASE_URL", database.url);
                key.args(create).read().map(|key| Some(key.trim().to_owned()))
            }
            Side::Postgrest => {
                database.sql(VIEW)?;
                Ok(None)
            }
            Side::Fastify | Side::Axum | Side::Fastapi | Side::Bare => Ok(None),
        }
    }

    /// The command that serves a database on `port` of the loopback address.
    fn command(&self, database: Database<'_>, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir);
        if self.side == Side::Ours {
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--admin-listen", "127.0.0.1:0"]);
            // The peers do not log requests either.
            command.env("AUDITRAIL_LOG", "warn").env("DATABASE_URL", database.url);
            command.env(postgres::BIN, database.bin);
            return command;
        }
        command.envs(pg_variables::of(database.url)).env("PORT", port.to_string());
        command.env("PGRST_SERVER_PORT", port.to_string()).env("GRANIAN_PORT", port.to_string());
        command.env("POOL", self.pool.to_string()).env("PGRST_DB_POOL", self.pool.to_string());
        // Keeps generated files out of the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_ENV", "production");
        command
    }
}
