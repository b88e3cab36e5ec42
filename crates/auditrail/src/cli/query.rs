//! Arguments of `query`.

use clap::{Args, ValueEnum};

use super::FilterArgs;

/// Search records, newest first
///
/// With --json, stdout has one line per record, and stderr has the cursor and command of the next page.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail query --since 24h
  auditrail query --actor user:u1 --action 'project.*' --limit 20
  auditrail query --target secret:db-password --since 2026-01-01 --until 2026-02-01
  auditrail query --ip 203.0.113.0/24 --metadata reason=unpaid --count exact
  auditrail query --q 'actor:ana -action:secret.accessed \"prod db\"'
  auditrail query --q 'action:key.*,secret.* metadata.plan:pro deploy*' --since 7d
  auditrail query --action key.created --json | jq -r .actor_id | sort | uniq -c")]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Maximum number of records, 1 to 1000
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) limit: String,
    /// Order of the records by time
    #[arg(long, value_name = "ORDER", default_value = "desc")]
    pub(crate) order: OrderArg,
    /// Cursor of the next page, from an earlier page with the same filters and order
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Print every field of each record, one per line, instead of a table
    #[arg(long)]
    pub(crate) long: bool,
    /// Also count all matches: exact counts every match, estimated is quick (exact up to 10,000 with --tenant, else the planner's estimate)
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub(crate) count: CountArg,
}

/// The order of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderArg {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

/// How to count all matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CountArg {
    /// No count.
    None,
    /// Count every match.
    Exact,
    /// Use the planner's estimate, or with a tenant the exact number up to 10,000.
    Estimated,
}
