//! Arguments of `key`.

use clap::{Args, Subcommand};

/// Makes, lists and revokes API keys
///
/// A key is what a program shows to the HTTP service. Every change is itself recorded, in the same
/// transaction, with the actor user:cli:LOGIN, LOGIN being the name this program runs under; say who
/// it is with --actor where that name says nothing. Needs a database role with the rights of the
/// service, which `auditrail migrate grants` prints.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail key create --scope write --name billing
  auditrail key list
  auditrail key revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) enum KeyCommand {
    Create(KeyCreateArgs),
    /// Lists every key: what it may do, for whom, and whether it is active
    ///
    /// Revoked and expired ones too. Keys are told apart by their first characters; the rest is
    /// nowhere.
    #[command(after_help = "Examples:
  auditrail key list
  auditrail key list --json | jq 'select(.revoked_at == null)'")]
    List,
    Revoke(KeyRevokeArgs),
}

/// Makes a key and prints it, once
///
/// The key alone is on stdout. Only its SHA-256 is kept, so it cannot be shown again. No scope
/// contains another: a key that writes cannot read back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail key create --scope write --name billing --expires 90d > billing.key
  auditrail key create --scope read --scope export --tenant t1
  auditrail key create --scope admin --json | jq -r .key")]
pub(crate) struct KeyCreateArgs {
    /// What it may do: write, read, export or admin (manage keys); may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<String>,
    /// The only tenant it may write for and see [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// What people call it
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// When it ends: after 90d or 1y, or at 2027-01-02T03:04:05Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// The label in the key, so that one for tests is seen for what it is
    #[arg(long, value_name = "LABEL", default_value = "live")]
    pub(crate) env: String,
    /// Who makes it, for the record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}

/// Revokes a key
///
/// Revoking one that is revoked already changes nothing and is no failure. The key stays in the
/// list, because records name it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail key revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct KeyRevokeArgs {
    /// The id of the key, as `key list` shows it; never the key itself
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Who revokes it, for the record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}
