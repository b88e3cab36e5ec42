//! Filters, shared by `query` and `export`.

use clap::Args;

/// Filters; a record must match all that are given.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Exactly this actor, as user:u1, api_key:k1 or system
    #[arg(long, value_name = "TYPE:ID", conflicts_with_all = ["actor_id", "actor_type"])]
    pub(crate) actor: Option<String>,
    /// Exactly this actor id
    #[arg(long, value_name = "ID")]
    pub(crate) actor_id: Option<String>,
    /// Type of actor: user, system or api_key
    #[arg(long, value_name = "TYPE")]
    pub(crate) actor_type: Option<String>,
    /// Exactly this action, or all actions of a resource, as 'project.*'
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Exactly this target, as project:p1
    #[arg(long, value_name = "TYPE:ID", conflicts_with_all = ["target_id", "target_type"])]
    pub(crate) target: Option<String>,
    /// Type of target
    #[arg(long, value_name = "TYPE")]
    pub(crate) target_type: Option<String>,
    /// Exactly this target id
    #[arg(long, value_name = "ID")]
    pub(crate) target_id: Option<String>,
    /// Exactly this tenant
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Exactly this request id
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// How it ended: success, failure, denied or unknown
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<String>,
    /// Intents to include: open (without an outcome) or all
    #[arg(long, value_name = "WHICH")]
    pub(crate) intents: Option<String>,
    /// IP address, or a network such as 203.0.113.0/24
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<String>,
    /// At or after this time: 2026-01-02T03:04:05Z, 2026-01-02 (midnight UTC), or 24h, 7d (ago)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this time, in the same formats
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Value of a top-level metadata key; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<String>,
}
