//! Servers that take audit records over HTTP: ours, and what people would write or take instead.
//! `bench/peers/` has a folder for each of those.

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

/// The view and the role of `PostgREST`.
const VIEW: &str = include_str!("../../peers/postgrest/view.sql");

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Fastify,
    Axum,
    Fastapi,
    Postgrest,
    /// HTTP and JSON alone: it writes nothing, so it is no peer, but the floor.
    Bare,
}

impl Side {
    /// Those that write records.
    pub(crate) const ALL: [Self; 5] =
        [Self::Ours, Self::Fastify, Self::Axum, Self::Fastapi, Self::Postgrest];

    /// As the report has it.
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

    /// Whether what it acknowledges is in the table.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Bare)
    }

    /// Where it takes a record, and how that is asked for.
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

    /// Where it takes many records, if it does.
    pub(crate) const fn batch(self) -> Option<Route> {
        match self {
            Self::Ours => Some(Route { path: "/v1/audit-logs/batch", header: None }),
            // The columns are named, since not every record has all.
            Self::Postgrest => Some(Route {
                path: "/audit_logs?columns=actor_id,actor_type,action,target_type,target_id,metadata,\
                       ip_address,user_agent,tenant_id,request_id",
                header: Some("prefer: return=minimal"),
            }),
            Self::Fastify | Self::Axum | Self::Fastapi | Self::Bare => None,
        }
    }

    /// Where it gives the newest hundred records, if it does.
    pub(crate) const fn newest(self) -> Option<&'static str> {
        match self {
            Self::Ours => Some("/v1/audit-logs"),
            Self::Fastify => Some("/audit-logs"),
            Self::Postgrest => Some("/audit_logs?order=created_at.desc,id.desc&limit=100"),
            Self::Axum | Self::Fastapi | Self::Bare => None,
        }
    }
}

/// Where something is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) path: &'static str,
    /// Sent along, as `name: value`.
    pub(crate) header: Option<&'static str>,
}

/// A side that can be started.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) side: Side,
    /// What is run.
    program: PathBuf,
    /// What it is told before anything else.
    args: Vec<String>,
    /// Where it is run.
    dir: PathBuf,
    /// What it says while it runs.
    log: PathBuf,
    /// How many connections to PostgreSQL it has, unless it is ours, which knows best by itself.
    pool: u16,
    /// What it is made of, with versions.
    versions: String,
}

/// Connections to PostgreSQL that a peer has: twice what each of their libraries opens by itself.
pub(crate) const POOL: u16 = 20;

/// Sides that can be started, and a sentence for each that cannot. Peers have `pool` connections.
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
    let said = testbed.bench.ask(&["--version"])?;
    Ok(Peer {
        side: Side::Ours,
        program: workspace.target().join("release/auditrail"),
        args: vec!["serve".to_owned()],
        dir: testbed.bench.dir.clone(),
        log: testbed.bench.dir.join("auditrail.log"),
        pool: 0,
        versions: said.trim().trim_start_matches("auditrail ").to_owned(),
    })
}

impl Peer {
    /// For `Part::settings`: its name, and what it is made of.
    pub(crate) fn made_of(&self) -> (String, String) {
        (self.side.name().to_owned(), self.versions.clone())
    }

    /// Gets the database ready for it, beyond the table that all write into; the key that it wants
    /// with every request, if it does.
    fn ready(&self, database: Database<'_>) -> Result<Option<String>> {
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

    /// What starts it on a database, to answer on `port` of the loopback address.
    fn command(&self, database: Database<'_>, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir);
        if self.side == Side::Ours {
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--admin-listen", "127.0.0.1:0"]);
            // Nobody else writes a line for each request either.
            command.env("AUDITRAIL_LOG", "warn").env("DATABASE_URL", database.url);
            command.env(postgres::BIN, database.bin);
            return command;
        }
        command.envs(pg_variables::of(database.url)).env("PORT", port.to_string());
        command.env("PGRST_SERVER_PORT", port.to_string()).env("GRANIAN_PORT", port.to_string());
        command.env("POOL", self.pool.to_string()).env("PGRST_DB_POOL", self.pool.to_string());
        // Nothing is left beside the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_ENV", "production");
        command
    }
}
