//! Arguments of `stats`.

use clap::Args;

use super::FilterArgs;
use super::listed::{INTERVALS, Listed};

/// Count records by time, actor, action and target
///
/// Prints the 20 most frequent of each. Large results are truncated to the newest records: about
/// 25,000 when an index serves a filter, 100,000 by time otherwise. Use a time range to count older
/// records.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail stats --since 24h
  auditrail stats --action 'key.*' --since 30d --interval day
  auditrail stats --outcome denied --json | jq '.actors[0]'")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Width of a time bucket: minute, hour or day [default: the shortest that covers every record]
    #[arg(long, value_name = "WIDTH", value_parser = Listed(&INTERVALS), hide_possible_values = true)]
    pub(crate) interval: Option<String>,
}
