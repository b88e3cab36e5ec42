//! Arguments of `retention`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Say how long records are kept, and remove those that are older
///
/// A record has at most one rule: one of its tenant before one of all tenants, and then one of its
/// action before one of a prefix, a longer prefix before a shorter one, and all of these before one of
/// all actions. Without a rule a record is kept for ever.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail retention set --keep 400d
  auditrail retention set --action 'secret.*' --keep forever
  auditrail retention run --dry-run
  auditrail retention run --yes --archive-dir /var/lib/auditrail/archives")]
pub(crate) enum RetentionCommand {
    Set(RetentionSetArgs),
    /// List the rules
    #[command(after_help = "Examples:
  auditrail retention list
  auditrail retention list --json | jq 'select(.keep_days == null)'")]
    List,
    Remove(RetentionRemoveArgs),
    Run(RetentionRunArgs),
}

/// Set how long the records of a tenant and an action are kept
///
/// There is one rule for each pair of tenant and action; an existing one is changed. The change is
/// recorded. `serve` removes what has expired by it after five minutes at the earliest, unless it runs
/// with AUDITRAIL_RETENTION=false; `retention run` does at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail retention set --keep 400d
  auditrail retention set --tenant t1 --keep 7y
  auditrail retention set --action audit_log.read --keep 30d")]
pub(crate) struct RetentionSetArgs {
    /// Records of this tenant [default: all records]
    #[arg(long, visible_alias = "tenant-id", value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Records of this action, or of a prefix such as project.* [default: all actions]
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,
    /// How long: 400d, 52w or 7y (years of 365 days), at least 7d, or forever
    #[arg(long, value_name = "TIME")]
    pub(crate) keep: String,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}

/// Remove a rule
///
/// Its records then have the next less specific rule, or are kept for ever. The change is recorded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail retention remove 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct RetentionRemoveArgs {
    /// Id of the rule, as shown by `retention list`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}

/// Remove the records that no rule keeps
///
/// Requires the role that owns the log: the one that runs `auditrail migrate`. Removal cannot be
/// undone, so on a terminal it asks, and elsewhere it needs --yes. Records are archived first where
/// `auditrail serve` archives them, if the settings name a directory. A run that is interrupted can be
/// repeated. What left is recorded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail retention run --dry-run
  auditrail retention run --yes
  auditrail retention run --yes --archive-dir /var/lib/auditrail/archives")]
pub(crate) struct RetentionRunArgs {
    /// Show what would be removed, by partition, tenant and action, without removing it
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Remove without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Archive records in this directory before they are removed [env: AUDITRAIL_ARCHIVE_DIR] [default: the
    /// archive_dir of `serve` in the configuration file, else no archive]
    #[arg(long, value_name = "DIR")]
    pub(crate) archive_dir: Option<PathBuf>,
    /// Remove records without an archive, whatever the settings say
    #[arg(long, conflicts_with = "archive_dir")]
    pub(crate) no_archive: bool,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}
