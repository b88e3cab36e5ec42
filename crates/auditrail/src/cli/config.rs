//! Arguments of `config`.

use clap::Subcommand;

/// Shows and checks the settings
///
/// A flag wins over the environment, that over .env, that over auditrail.toml, that over the
/// default.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail config check
  auditrail config show")]
pub(crate) enum ConfigCommand {
    /// Checks every setting and changes nothing
    ///
    /// Ends with 2 when one cannot be used. Variables that look like ours and are not are named,
    /// since they are mostly misspelt.
    #[command(after_help = "Examples:
  auditrail config check && systemctl restart auditrail")]
    Check,
    /// Prints every setting, its value and where it came from; secrets are hidden
    #[command(after_help = "Examples:
  auditrail config show
  auditrail config show --json | jq '.settings[] | select(.source != \"default\")'")]
    Show,
}
