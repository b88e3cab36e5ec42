//! `cargo xtask db`: a private development database under `target/`, managed by `auditrail db`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::error::Result;
use crate::postgres;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

/// A private development database under target/.
///
/// The database that `auditrail db` manages, with a data directory in this checkout.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask db start
  cargo xtask db psql -- -c 'select count(*) from control_plane.audit_logs'
  DATABASE_URL=$(cargo xtask db url) cargo run -p auditrail -- migrate status
  cargo xtask db stop")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start it; created on first use.
    Start,
    /// Stop it. The data stays until target/db is removed.
    Stop,
    /// Print its address, for `DATABASE_URL`.
    Url,
    /// Open psql on it.
    Psql {
        /// Passed on to psql.
        #[arg(last = true)]
        rest: Vec<String>,
    },
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let program = program(workspace)?.arg("--data-dir").arg(workspace.target().join("db"));
    match &args.command {
        Command::Start => program.args(["db", "start"]).run(),
        Command::Stop => program.args(["db", "stop"]).run(),
        Command::Url => program.args(["db", "url"]).run(),
        Command::Psql { rest } => program.args(["db", "psql", "--"]).args(rest).run(),
    }
}

/// The program, freshly built, and a PostgreSQL for it. Prints nothing to standard output.
pub(crate) fn program(workspace: &Workspace) -> Result<Sh> {
    let postgres = postgres::ensure(workspace)?;
    let program = build(workspace)?;
    Ok(Sh::new(program).env(postgres::BIN, postgres.bin).dir(workspace.root()))
}

/// Builds the program `auditrail`, and returns its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let build = ["build", "--package", "auditrail"];
    cargo().args(build).dir(workspace.root()).run()?;
    Ok(workspace.target().join("debug/auditrail"))
}
