//! Arguments of `sequence`.

use clap::Args;

/// Give records their seq, or check that each has one
///
/// The seq is the place of a record in the order of the log, from 0 on and without gaps. `serve` assigns it
/// by itself, within a second of the commit; this command does the same for a database without a service,
/// and beside one. The records are then added to the transparency log, and their words are indexed for
/// searches.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail sequence --once
  auditrail sequence --once --json | jq .next_seq
  auditrail sequence --check
  auditrail sequence --once --recover")]
pub(crate) struct SequenceArgs {
    /// Sequence the records that are committed now, and exit
    #[arg(long, required_unless_present = "check", conflicts_with = "check")]
    pub(crate) once: bool,
    /// Compare all records with the sequence, and exit with 4 if a record has no seq and will get none
    #[arg(long)]
    pub(crate) check: bool,
    /// Look at all records, not only at new ones: gives a seq to records that --check reports
    #[arg(long, requires = "once")]
    pub(crate) recover: bool,
}
