//! Arguments of `show`.

use clap::Args;

/// Print one record
///
/// Every field with a value has a line of its own. Exit code 1 when no record has the id.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail show 01890a5d-ac96-774b-bcce-b302099a8057
  auditrail show 01890a5d-ac96-774b-bcce-b302099a8057 --json | jq .metadata
  auditrail query --actor user:u1 --limit 1 --json | jq -r .id | xargs auditrail show")]
pub(crate) struct ShowArgs {
    /// Id of the record, as `query --long`, `query --json` and `log` print it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}
