//! Arguments of `config`.

use clap::Subcommand;

/// Show and check the settings
///
/// Precedence: flag, environment, .env, auditrail.toml, default.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail config check
  auditrail config show")]
pub(crate) enum ConfigCommand {
    /// Validate every setting without changing anything
    ///
    /// Exit code 2 when a setting is invalid. Unknown AUDITRAIL_ variables are reported as a warning,
    /// since most of them are misspelt.
    #[command(after_help = "Examples:
  auditrail config check && systemctl restart auditrail")]
    Check,
    /// Print every setting with its value and source; secrets are hidden
    #[command(after_help = "Examples:
  auditrail config show
  auditrail config show --json | jq '.settings[] | select(.source != \"default\")'")]
    Show,
}
