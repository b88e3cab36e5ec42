//! Arguments of `query`.

use clap::{Args, ValueEnum};

use super::FilterArgs;

/// Shows records, newest first
///
/// With --json each record is a line on stdout; a line on stderr says how to go on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail query --since 24h
  auditrail query --actor user:u1 --action 'project.*' --limit 20
  auditrail query --target secret:db-password --since 2026-01-01 --until 2026-02-01
  auditrail query --ip 203.0.113.0/24 --metadata reason=unpaid --count exact
  auditrail query --action key.created --json | jq -r .actor_id | sort | uniq -c")]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Most records to show, 1 to 1000
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) limit: String,
    /// Goes on where an earlier page ended; repeat its filters
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Also counts all matches: exact reads every match, estimated asks the planner
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub(crate) count: CountArg,
}

/// Whether to count all matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CountArg {
    /// No.
    None,
    /// Every match.
    Exact,
    /// What the planner thinks.
    Estimated,
}
