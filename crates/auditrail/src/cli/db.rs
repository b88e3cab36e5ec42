//! Arguments of `db`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

/// Start, stop and inspect the private PostgreSQL
///
/// Without a database URL, each command starts it and stops it at the end. `db start` keeps it
/// running between commands.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail db start
  psql \"$(auditrail db url)\"
  auditrail db psql -c 'select count(*) from control_plane.audit_logs'
  auditrail db stop")]
pub(crate) enum DbCommand {
    /// Start the server and keep it running until `db stop`
    #[command(after_help = "Examples:
  auditrail db start && auditrail migrate")]
    Start,
    /// Stop the server
    ///
    /// Exit code 5 when another program is using it.
    #[command(after_help = "Examples:
  auditrail db stop
  auditrail db stop --force")]
    Stop {
        /// Stop it even if other programs are using it; their open transactions are rolled back
        #[arg(long)]
        force: bool,
    },
    /// Show whether the server is running, and its data directory
    #[command(after_help = "Examples:
  auditrail db status
  auditrail db status --json | jq .state")]
    Status,
    /// Print the URL of the running server, for use by other programs
    #[command(after_help = "Examples:
  export DATABASE_URL=\"$(auditrail db url)\"")]
    Url,
    Psql(PsqlArgs),
}

/// Run psql on its database; further arguments are passed to psql
///
/// Put arguments that both programs accept, such as -q, after --.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail db psql
  auditrail db psql -c '\\d control_plane.audit_logs'
  auditrail db psql -- -qAt -f report.sql")]
pub(crate) struct PsqlArgs {
    /// Arguments for psql
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) args: Vec<OsString>,
}
