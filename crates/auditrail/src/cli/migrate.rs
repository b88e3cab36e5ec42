//! Arguments of `migrate`.

use clap::{Args, Subcommand};

/// Brings the schema of the audit log up to date
///
/// Each migration runs in its own transaction, one runner at a time; others wait and then find
/// nothing left to do. Everything is checked before anything runs.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  auditrail migrate --dry-run
  auditrail migrate
  auditrail migrate status --check     # exit code 3 when some are pending
  auditrail migrate verify             # exit code 4 when the schema is not what it should be
  auditrail migrate sql > audit.sql    # to run with another tool"
)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    pub(crate) command: Option<MigrateCommand>,
    #[command(flatten)]
    pub(crate) up: UpArgs,
}

/// Applying.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Shows what would be applied, and applies nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The last migration to apply [default: the newest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) to: Option<i64>,
    /// How long to wait for another runner, and each step for its table, as 30s or 2m
    /// [env: AUDITRAIL_LOCK_TIMEOUT] [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_timeout: Option<String>,
}

/// The other things to do with migrations.
#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    Status(StatusArgs),
    /// Compares the live schema with what it should be, and prints every difference
    ///
    /// Columns, types, defaults, checks, indexes (invalid ones too), triggers, functions and
    /// comments. An index of your own is told, and is no difference. Exit code 4 when something
    /// differs.
    #[command(after_help = "Examples:
  auditrail migrate verify
  auditrail migrate verify --json | jq '.differences[].object'")]
    Verify,
    /// Adopts an audit log table that was made by other means
    ///
    /// Compares the live schema with every version this program knows and notes, without running
    /// anything, the migrations it matches. Exit code 4, with the differences, when it matches none.
    #[command(after_help = "Examples:
  auditrail migrate baseline && auditrail migrate")]
    Baseline {
        /// How long to wait for another runner, as 30s or 2m
        #[arg(long, value_name = "TIME")]
        lock_timeout: Option<String>,
    },
    Sql(SqlArgs),
    Down(DownArgs),
    Grants(GrantsArgs),
}

/// Shows every migration: applied or pending, when, how long it took, and whether its file is still
/// the one that was applied
///
/// Exit code 4 when the history and this program do not fit together.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate status
  auditrail migrate status --check || auditrail migrate")]
pub(crate) struct StatusArgs {
    /// Ends with exit code 3 when some are pending
    #[arg(long)]
    pub(crate) check: bool,
}

/// Prints the migrations as SQL, for people who run them with another tool
///
/// The rows of the tracking table are part of it, so `migrate status` understands a database that
/// was migrated with it. Needs no database.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate sql > audit.sql
  auditrail migrate sql --from 3 --to 4 | psql mydb")]
pub(crate) struct SqlArgs {
    /// The first migration to print
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) from: Option<i64>,
    /// The last migration to print [default: the newest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: Option<i64>,
}

/// Takes migrations back, newest first
///
/// Refuses steps that lose data unless that is allowed; nothing is undone then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate down --to 4 --dry-run
  auditrail migrate down --to 4
  auditrail migrate down --to 0 --allow-data-loss    # removes the audit log")]
pub(crate) struct DownArgs {
    /// The last migration to keep; 0 keeps none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) to: i64,
    /// Also undoes steps that lose data
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// Shows what would be undone, and undoes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait for another runner, and each step for its table, as 30s or 2m
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_timeout: Option<String>,
}

/// Prints the SQL that gives each role the rights it needs, and no more
///
/// Read it, then run it as the role that migrates, after migrating; the roles must be there. With
/// none named, it is printed for auditrail_writer, auditrail_reader and auditrail_service. Needs no
/// database.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate grants
  auditrail migrate grants --service audit_api | psql mydb")]
pub(crate) struct GrantsArgs {
    /// Who writes records, and sees them
    #[arg(long, value_name = "ROLE")]
    pub(crate) writer: Option<String>,
    /// Who reads records
    #[arg(long, value_name = "ROLE")]
    pub(crate) reader: Option<String>,
    /// Who does both and manages API keys: the HTTP service, and `auditrail key`
    #[arg(long, value_name = "ROLE")]
    pub(crate) service: Option<String>,
}
