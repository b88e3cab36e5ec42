//! Arguments of `partition`.

use clap::{Args, Subcommand};

/// Show and maintain the partitions of the audit log's table
///
/// The table is partitioned by range of the id. New records arrive in a small partition, audit_logs_hot, into
/// which inserts are fast at any size of the log. When it is full it is closed, and closed ones are merged.
/// `auditrail serve` does that by itself if it has the URL of the table's owner
/// (AUDITRAIL_MAINTENANCE_DATABASE_URL); otherwise run `auditrail partition run` every minute.
/// All but `status` need the role that runs `auditrail migrate`. Every command can be interrupted and run
/// again.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail partition status
  auditrail partition adopt         # once, for a table of before; records are written meanwhile
  auditrail partition run --quiet   # from cron")]
pub(crate) enum PartitionCommand {
    /// Print each partition with its range, records and size
    ///
    /// Any role that can read the log can run it. The numbers of records are estimates.
    #[command(after_help = "Examples:
  auditrail partition status
  auditrail partition status --json | jq '.partitions | length'")]
    Status,
    /// Partition a table that is not, of any size, while records are written
    ///
    /// The table becomes the default partition; no record is rewritten. Writers wait for some ten milliseconds
    /// once. Takes about the time of two scans of the table.
    #[command(after_help = "Examples:
  auditrail partition adopt
  auditrail migrate baseline && auditrail migrate && auditrail partition adopt")]
    Adopt(LockArgs),
    /// Do what is due: close the partition of new records if it is full, and merge closed ones
    ///
    /// For cron, and safe to run at any time: one process at a time does the work, and others exit with code 5.
    #[command(after_help = "Examples:
  auditrail partition run
  * * * * * DATABASE_URL_FILE=/run/secrets/owner_url auditrail partition run --quiet")]
    Run(LockArgs),
    /// Close the partition of new records now, however few it has
    #[command(after_help = "Examples:
  auditrail partition close --lock-timeout 30s")]
    Close(LockArgs),
    /// Merge closed partitions now, if a merge is due
    #[command(after_help = "Examples:
  auditrail partition merge")]
    Merge(LockArgs),
}

/// Options of commands that need table locks.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Timeout for the table locks of each step, as 30s or 2m. Each attempt is short, so that writers do not
    /// queue behind it [env: AUDITRAIL_LOCK_TIMEOUT] [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(crate) lock_timeout: Option<String>,
}
