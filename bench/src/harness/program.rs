//! The measured program, built with optimisation, and its directories.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::build;
use crate::harness::measure::{self, Run};
use crate::harness::postgres_server::PostgresServer;
use crate::harness::transport::Transport;
use xtask::error::{Error, Result};
use xtask::postgres;
use xtask::sh::Sh;
use xtask::workspace::Workspace;

/// The program, and the data directory of a private PostgreSQL.
pub(crate) struct Bench {
    program: PathBuf,
    postgres: PathBuf,
    psql: PathBuf,
    pub(crate) dir: PathBuf,
    /// The data directory.
    data: PathBuf,
}

impl Bench {
    /// The same program with another data directory.
    pub(crate) fn at(&self, data: PathBuf) -> Self {
        let Self { program, postgres, psql, dir, data: _ } = self;
        let [program, postgres, psql, dir] = [program, postgres, psql, dir].map(Clone::clone);
        Self { program, postgres, psql, dir, data }
    }

    /// Starts PostgreSQL, and creates the default database of the program.
    pub(crate) fn start(
        &self,
        workspace: &Workspace,
        transports: &[Transport],
    ) -> Result<PostgresServer> {
        println!("starting a durable private PostgreSQL under {}", self.data.display());
        let cluster = PostgresServer::start(workspace, (&self.data, &self.postgres), transports)?;
        self.run(&["db", "start"])?;
        Ok(cluster)
    }

    /// The name of the default database.
    pub(crate) fn database(&self) -> Result<String> {
        Ok(self.sql("select current_database()")?.trim().to_owned())
    }

    pub(crate) fn auditrail(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env(postgres::BIN, &self.postgres).arg("--data-dir").arg(&self.data);
        command
    }

    /// The directory of PostgreSQL's programs.
    pub(crate) fn bin(&self) -> &Path {
        &self.postgres
    }

    pub(crate) fn run(&self, args: &[&str]) -> Result<String> {
        let program = Sh::new(&self.program).env(postgres::BIN, &self.postgres);
        program.arg("--data-dir").arg(&self.data).args(args).read()
    }

    /// Runs the program on the database of a URL.
    pub(crate) fn run_on(&self, url: &str, args: &[&str]) -> Result<String> {
        let program = Sh::new(&self.program).env(postgres::BIN, &self.postgres);
        program.quiet_env("DATABASE_URL", url).arg("--quiet").args(args).read()
    }

    /// The output of statements, unaligned and without headers.
    pub(crate) fn sql(&self, sql: &str) -> Result<String> {
        self.run(&["db", "psql", "--", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", "-c", sql])
    }

    /// Fails if the server may lose commits that it has acknowledged.
    pub(crate) fn refuse_undurable(&self) -> Result<()> {
        let on = self.sql("show fsync; show full_page_writes; show synchronous_commit")?;
        if on.split_whitespace().all(|setting| setting == "on") {
            Ok(())
        } else {
            Err(Error::Refused(
                "PostgreSQL is not durable; measurements require a durable server".into(),
            ))
        }
    }

    /// Empties the table; the checkpoint keeps writes of earlier rounds out of the next one.
    pub(crate) fn reset(&self) -> Result<()> {
        self.sql("drop schema if exists control_plane cascade")?;
        self.run(&["migrate"])?;
        self.sql("checkpoint").map(drop)
    }

    /// psql with one command.
    pub(crate) fn psql(&self, url: &str, command: &str) -> Command {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command]);
        psql
    }

    /// Imports NDJSON into the database of a URL.
    pub(crate) fn import(&self, file: &Path, url: &str) -> Result<Run> {
        let mut import = self.auditrail();
        import.env("DATABASE_URL", url).args(["--quiet", "import", "--format", "ndjson"]).arg(file);
        measure::run(import)
    }
}

pub(crate) fn prepare(workspace: &Workspace) -> Result<Bench> {
    let postgres = postgres::ensure(workspace)?;
    println!("{postgres}\nbuilding with optimisation");
    let program = build::auditrail(workspace)?;
    let dir = workspace.target().join("bench");
    std::fs::create_dir_all(&dir).map_err(Error::doing(format!("make {}", dir.display())))?;
    let psql = postgres.bin.join("psql");
    let data = dir.join("data");
    Ok(Bench { program, psql, postgres: postgres.bin, dir, data })
}

pub(crate) fn count(bench: &Bench) -> Result<f64> {
    let rows = bench.sql("select count(*) from control_plane.audit_logs")?;
    rows.trim().parse().map_err(|_| Error::Refused(format!("`{rows}` is not a number of rows")))
}
