//! Arguments of `key`.

use clap::{Args, Subcommand};

use super::listed::{Listed, SCOPES};

/// Create, list and revoke API keys
///
/// Clients of the HTTP service authenticate with an API key. Every change is itself recorded, in the
/// same transaction, with the actor user:cli:LOGIN, where LOGIN is the login name of the process; use
/// --actor when that name does not identify a person. Requires a database role with the privileges of
/// the service, which `auditrail migrate grants` prints.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail key create --scope write --name billing
  auditrail key list
  auditrail key revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) enum KeyCommand {
    Create(KeyCreateArgs),
    /// List all API keys with their scopes, tenant and state
    ///
    /// Includes revoked and expired keys. Only the first characters of a key are shown, because the
    /// rest is not stored.
    #[command(after_help = "Examples:
  auditrail key list
  auditrail key list --json | jq 'select(.revoked_at == null)'")]
    List,
    Revoke(KeyRevokeArgs),
}

/// Create an API key and print it once
///
/// Only the key is printed on stdout. The database stores its SHA-256, so it cannot be shown again. No
/// scope includes another: a key with the scope write cannot read records.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail key create --scope write --name billing --expires 90d > billing.key
  auditrail key create --scope read --scope export --tenant t1
  auditrail key create --scope admin --json | jq -r .key")]
pub(crate) struct KeyCreateArgs {
    /// Scope: write, read, export, admin (manages keys), verify (the transparency log) or erase; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = Listed(&SCOPES), hide_possible_values = true)]
    pub(crate) scopes: Vec<String>,
    /// Restrict the key to this tenant [default: all tenants]
    #[arg(long, visible_alias = "tenant-id", value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Display name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Expiry: after 90d or 1y, or at 2027-01-02T03:04:05Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// Environment label inside the key, to recognise keys for tests
    #[arg(long, value_name = "LABEL", default_value = "live")]
    pub(crate) env: String,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}

/// Revoke an API key
///
/// Idempotent: revoking a revoked key changes nothing and succeeds. The key stays in the list,
/// because records refer to it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail key revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct KeyRevokeArgs {
    /// Id of the key, as shown by `key list`; not the key itself
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}
