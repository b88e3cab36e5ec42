//! Arguments of `db`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

/// Starts, stops and shows the private PostgreSQL
///
/// Commands start it when no database URL is given and stop it when they are done; `db start` keeps
/// it running between them.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail db start
  psql \"$(auditrail db url)\"
  auditrail db psql -c 'select count(*) from control_plane.audit_logs'
  auditrail db stop")]
pub(crate) enum DbCommand {
    /// Starts it and keeps it running until `db stop`
    #[command(after_help = "Examples:
  auditrail db start && auditrail migrate")]
    Start,
    /// Stops it
    ///
    /// Refuses while another program uses it, with exit code 5.
    #[command(after_help = "Examples:
  auditrail db stop
  auditrail db stop --force")]
    Stop {
        /// Stops it although other programs use it; transactions that are not committed are lost
        #[arg(long)]
        force: bool,
    },
    /// Shows whether it is running, and where its data is
    #[command(after_help = "Examples:
  auditrail db status
  auditrail db status --json | jq .state")]
    Status,
    /// Prints the URL of the running one, for other programs
    #[command(after_help = "Examples:
  export DATABASE_URL=\"$(auditrail db url)\"")]
    Url,
    Psql(PsqlArgs),
}

/// Opens psql on its database; further arguments are those of psql
///
/// Arguments that both programs know, such as -q, are for psql after --.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail db psql
  auditrail db psql -c '\\d control_plane.audit_logs'
  auditrail db psql -- -qAt -f report.sql")]
pub(crate) struct PsqlArgs {
    /// Passed on to psql
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) args: Vec<OsString>,
}
