//! Arguments of `log`.

use clap::Args;

use super::listed::{Listed, OUTCOMES};

/// Write one record and print it
///
/// With --id the call is idempotent: repeating it prints the existing record, and the same id with
/// different content is an error. All invalid values are reported at once.
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
    /// Additional data, as a JSON object; never put secrets here
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// IP address of the client
    #[arg(long, visible_alias = "ip-address", value_name = "ADDRESS")]
    pub(crate) ip: Option<String>,
    /// User agent of the client
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// Tenant of the record
    #[arg(long, visible_alias = "tenant-id", value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Id of the request that caused the action
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// How it ended: success, failure, denied or unknown
    #[arg(long, value_name = "OUTCOME", value_parser = Listed(&OUTCOMES), hide_possible_values = true)]
    pub(crate) outcome: Option<String>,
    /// Name of the actor, for people
    #[arg(long, value_name = "NAME")]
    pub(crate) actor_name: Option<String>,
    /// Name of the target, for people
    #[arg(long, value_name = "NAME")]
    pub(crate) target_name: Option<String>,
    /// Id of the record, a UUID [default: a new UUIDv7]
    #[arg(long, value_name = "UUID")]
    pub(crate) id: Option<String>,
    /// When it happened, as 2026-01-02T03:04:05Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}
