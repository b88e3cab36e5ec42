//! Arguments of `tail`.

use clap::Args;

use super::FilterArgs;

/// Follow the log: print new records in the order of their seq
///
/// The seq numbers the records in the order in which they became visible. It never changes, so a program that
/// stores the seq of the last record it has processed continues after it and misses none. A running service assigns
/// the seq; for the private PostgreSQL this command does too.
///
/// With --json, stdout has one line per record.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail tail
  auditrail tail --action 'key.*' --outcome denied
  auditrail tail --after 4711 --json
  auditrail tail --after -1 --no-follow --json > all.ndjson")]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Start after the record with this seq; -1 is before the first record [default: the newest record]
    #[arg(long, value_name = "SEQ", allow_negative_numbers = true)]
    pub(crate) after: Option<String>,
    /// Id of the record with that seq; fails if the log has another record there, as after a restore
    #[arg(long, value_name = "ID", requires = "after")]
    pub(crate) after_id: Option<String>,
    /// End after so many records
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// End at the newest record instead of waiting for more
    #[arg(long)]
    pub(crate) no_follow: bool,
}
