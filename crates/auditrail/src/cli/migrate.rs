//! Arguments of `migrate`.

use clap::{Args, Subcommand};

/// Apply pending migrations to the audit log schema
///
/// Each migration runs in its own transaction. Concurrent runs are serialised by a lock; the later
/// ones find nothing to do. The migration history is validated before the first step.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  auditrail migrate --dry-run
  auditrail migrate
  auditrail migrate status --check     # exit code 3 when migrations are pending
  auditrail migrate verify             # exit code 4 when the schema has drifted
  auditrail migrate sql > audit.sql    # to run with another tool"
)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    pub(crate) command: Option<MigrateCommand>,
    #[command(flatten)]
    pub(crate) up: UpArgs,
}

/// Options of applying migrations.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Show the migrations that would be applied, without applying them
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Last migration to apply [default: the newest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) to: Option<i64>,
    /// Timeout for the migration lock, and for the table locks of each step, as 30s or 2m
    /// [env: AUDITRAIL_LOCK_TIMEOUT] [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_timeout: Option<String>,
}

/// Subcommands of `migrate`; without one, pending migrations are applied.
#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    Status(StatusArgs),
    /// Compare the live schema with the expected schema, and print every difference
    ///
    /// Covers columns, types, defaults, checks, indexes (including invalid ones), triggers, functions
    /// and comments. Additional indexes are listed but do not count as drift. Exit code 4 on drift.
    #[command(after_help = "Examples:
  auditrail migrate verify
  auditrail migrate verify --json | jq '.differences[].object'")]
    Verify,
    /// Adopt an audit log table that was created by other means
    ///
    /// Compares the live schema with every known version and marks the matching migrations as applied,
    /// without running them. Exit code 4, with the differences, when no version matches.
    #[command(after_help = "Examples:
  auditrail migrate baseline && auditrail migrate")]
    Baseline {
        /// Timeout for the migration lock, as 30s or 2m
        #[arg(long, value_name = "TIME")]
        lock_timeout: Option<String>,
    },
    Sql(SqlArgs),
    Down(DownArgs),
    Grants(GrantsArgs),
}

/// Show the state of every migration: applied or pending, when, how long it took, and whether its
/// checksum matches
///
/// Exit code 4 when the database's history is inconsistent with this program.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate status
  auditrail migrate status --check || auditrail migrate")]
pub(crate) struct StatusArgs {
    /// Exit code 3 when migrations are pending
    #[arg(long)]
    pub(crate) check: bool,
}

/// Print the migrations as SQL, to run them with another tool
///
/// The script also fills the tracking table, so `migrate status` works on a database migrated with it.
/// Needs no database.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate sql > audit.sql
  auditrail migrate sql --from 3 --to 4 | psql mydb")]
pub(crate) struct SqlArgs {
    /// First migration to print [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) from: Option<i64>,
    /// Last migration to print [default: the newest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: Option<i64>,
}

/// Revert migrations, newest first
///
/// If any step would lose data and --allow-data-loss is not given, nothing is reverted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate down --to 4 --dry-run
  auditrail migrate down --to 4
  auditrail migrate down --to 0 --allow-data-loss    # removes the audit log")]
pub(crate) struct DownArgs {
    /// Last migration to keep; 0 keeps none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) to: i64,
    /// Also revert steps that lose data
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
    /// Show the migrations that would be reverted, without reverting them
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Timeout for the migration lock, and for the table locks of each step, as 30s or 2m
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_timeout: Option<String>,
}

/// Print SQL that grants each role the privileges it needs
///
/// Review it, then run it as the role that migrates, after the migrations. The roles must exist, unless
/// --create-roles is given.
/// Without options it covers auditrail_writer, auditrail_reader and auditrail_service. Needs no
/// database.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail migrate grants
  auditrail migrate grants --create-roles | psql -v ON_ERROR_STOP=1 mydb
  auditrail migrate grants --service audit_api | psql mydb")]
pub(crate) struct GrantsArgs {
    /// Role that writes and reads records
    #[arg(long, value_name = "ROLE")]
    pub(crate) writer: Option<String>,
    /// Role that reads records
    #[arg(long, value_name = "ROLE")]
    pub(crate) reader: Option<String>,
    /// Role that writes and reads records and manages API keys: the HTTP service and `auditrail key`
    #[arg(long, value_name = "ROLE")]
    pub(crate) service: Option<String>,
    /// Create the roles that do not exist, without a password; needs a role with CREATEROLE
    #[arg(long)]
    pub(crate) create_roles: bool,
}
