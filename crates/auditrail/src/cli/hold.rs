//! Arguments of `hold`.

use clap::{Args, Subcommand};

use super::FilterArgs;

/// Keep records from being removed and erased
///
/// What a hold covers is neither removed by retention nor erased, until the hold is released. Every
/// change is recorded.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail hold create --name case-4 --reason 'court order 4/26' --tenant t1 --since 2026-01-01
  auditrail hold list
  auditrail hold release case-4")]
pub(crate) enum HoldCommand {
    Create(Box<HoldCreateArgs>),
    List(HoldListArgs),
    Release(HoldReleaseArgs),
}

/// Create a hold
///
/// It covers the records that match all of its filters, those that are written later included. Filters of
/// actor, action, target, tenant, request, address and time are possible.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail hold create --name case-4 --reason 'court order 4/26' --actor user:ana
  auditrail hold create --name audit-2026 --reason 'yearly audit' --since 2026-01-01 --until 2027-01-01
  auditrail hold create --name freeze --reason 'incident 12' --all")]
pub(crate) struct HoldCreateArgs {
    /// Name of the hold
    #[arg(long, value_parser = auditrail_core::parse_hold_name)]
    pub(crate) name: String,
    /// Why the records are held
    #[arg(long, value_parser = auditrail_core::parse_reason)]
    pub(crate) reason: String,
    /// Hold every record
    #[arg(long)]
    pub(crate) all: bool,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) by: Option<String>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

/// List the holds
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail hold list
  auditrail hold list --released --json")]
pub(crate) struct HoldListArgs {
    /// Also those that were released
    #[arg(long)]
    pub(crate) released: bool,
}

/// Release a hold
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail hold release case-4")]
pub(crate) struct HoldReleaseArgs {
    /// Name of the hold
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) by: Option<String>,
}
