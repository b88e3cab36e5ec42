//! Arguments of `log`.

use clap::Args;

/// Writes one record and prints it
///
/// With --id, a repeated call finds the record of the first one and says so; the same id with other
/// content is refused. Every wrong value is reported, not the first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail log --actor user:u1 --action project.created --target project:p1
  auditrail log --actor system --action project.auto_suspended --target project:p1 \\
      --metadata '{\"reason\":\"unpaid\"}'
  auditrail log --actor api_key:k7 --action secret.accessed --target secret:db-password \\
      --ip 203.0.113.7 --request-id req-42 --json")]
pub(crate) struct LogArgs {
    /// Who acted: user:ID, api_key:ID or system
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: String,
    /// What was done, as resource.verb
    #[arg(long)]
    pub(crate) action: String,
    /// What it was done to, as project:p1
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) target: String,
    /// Further facts, as a JSON object; never secrets
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// The address the request came from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<String>,
    /// The program the request was made with
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// Whose record it is
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// The request that caused it
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// The id of the record, a UUID [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub(crate) id: Option<String>,
    /// When it happened, as 2026-01-02T03:04:05Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}
