//! Filters, shared by `query`, `stats`, `tail` and `export`.

use clap::Args;

use super::listed::{ACTOR_TYPES, INTENTS, Listed, OUTCOMES};

/// Filters; a record must match all that are given.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Exactly this actor, as user:u1, api_key:k1 or system
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
    /// Exactly this actor id
    #[arg(long, value_name = "ID")]
    pub(crate) actor_id: Option<String>,
    /// Type of actor: user, system or api_key
    #[arg(long, value_name = "TYPE", value_parser = Listed(&ACTOR_TYPES), hide_possible_values = true)]
    pub(crate) actor_type: Option<String>,
    /// Exactly this action, or all actions of a resource, as 'project.*'
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Exactly this target, as project:p1
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) target: Option<String>,
    /// Type of target
    #[arg(long, value_name = "TYPE")]
    pub(crate) target_type: Option<String>,
    /// Exactly this target id
    #[arg(long, value_name = "ID")]
    pub(crate) target_id: Option<String>,
    /// Exactly this tenant [also: --tenant]
    #[arg(long, value_name = "ID")]
    pub(crate) tenant_id: Option<String>,
    /// Exactly this request id
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// How it ended: success, failure, denied or unknown
    #[arg(long, value_name = "OUTCOME", value_parser = Listed(&OUTCOMES), hide_possible_values = true)]
    pub(crate) outcome: Option<String>,
    /// Intents to include: open (without an outcome) or all
    #[arg(long, value_name = "WHICH", value_parser = Listed(&INTENTS), hide_possible_values = true)]
    pub(crate) intents: Option<String>,
    /// IP address, or a network such as 203.0.113.0/24 [also: --ip]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip_address: Option<String>,
    /// At or after this time: 2026-01-02T03:04:05Z, 2026-01-02 (midnight UTC), or 24h, 7d (ago)
    /// [also: --start-date]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this time, in the same formats. A date is its midnight: --until 2026-02-01 includes
    /// all of January [also: --end-date]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Value of a metadata key; a key with dots, as http.status, is also a path; may be repeated
    /// [also: --metadata.KEY=VALUE]
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<String>,
    /// Search expression: words, "phrases" and key:value, all of which must apply; -term excludes, and
    /// key:a,b is either. Keys: actor, action, target, target_type, tenant, request, ip, agent, id,
    /// outcome, metadata.KEY, since, until and more [see docs/search.md]
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(crate) q: Option<String>,
    /// Another name of --tenant-id
    #[arg(long, value_name = "ID", hide = true)]
    pub(crate) tenant: Option<String>,
    /// Another name of --ip-address
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub(crate) ip: Option<String>,
    /// Another name of --since
    #[arg(long, value_name = "TIME", hide = true)]
    pub(crate) start_date: Option<String>,
    /// Another name of --until
    #[arg(long, value_name = "TIME", hide = true)]
    pub(crate) end_date: Option<String>,
}
