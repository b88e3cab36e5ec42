//! Arguments of `erase`.

use clap::Args;

/// Erase the values of a person, without breaking any proof
///
/// In one transaction the values are replaced in every record in which the subject is the actor or the
/// target: ids by a random pseudonym, names, address and user agent by nothing. What proves these records
/// is kept without the values: older proofs stay valid, new ones show the fields as erased, and a guess of
/// an erased value cannot be confirmed from anything that is left in the database. The erasure is
/// recorded, with the reason and the number of records. It cannot be undone.
///
/// Records that a hold covers stop the erasure. Not reached: archives that retention has written, backups,
/// dead rows until PostgreSQL's vacuum has removed them, and records of others that mention the subject,
/// which are searched for afterwards and listed. Runs as the owner of the table.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail erase --actor user:ana --target user:ana --reason 'request 17' --dry-run
  auditrail erase --actor user:ana --target user:ana --reason 'request 17' --yes
  auditrail erase --actor user:ana --field ip_address,metadata.email --reason 'request 18' --yes")]
pub(crate) struct EraseArgs {
    /// Erase in the records of this actor
    #[arg(long, value_name = "TYPE:ID", required_unless_present = "target")]
    pub(crate) actor: Option<String>,
    /// Erase in the records about this target
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) target: Option<String>,
    /// Only these fields: actor_id, actor_name, target_id, target_name, ip_address, user_agent,
    /// request_id, metadata, metadata.KEY [default: ids, names, ip_address and user_agent]
    #[arg(long = "field", value_name = "FIELD", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    /// Why, for the record of the erasure; it must not have what is erased
    #[arg(long, value_parser = auditrail_core::parse_reason)]
    pub(crate) reason: String,
    /// Count what would be erased, name the holds in the way, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) by: Option<String>,
}
