//! Arguments of `evidence`.

use std::path::PathBuf;

use auditrail_evidence::FieldName;
use clap::{Args, Subcommand};

use super::{FilterArgs, PolicyArgs};

/// Export records with the evidence that they are in the log, for people who trust neither this
/// service nor its database
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail evidence export --policy trusted.policy -o case.zip
  auditrail verify pack --policy trusted.policy case.zip")]
pub(crate) enum EvidenceCommand {
    Export(EvidenceExportArgs),
}

/// Write matching records into a pack that can be verified offline
///
/// A pack is a ZIP file with the records in the order of their seq, the newest signed checkpoint, and
/// what is needed to verify all of them under it, with `auditrail verify pack` or with the Python script
/// in it. Without filters it is complete: it has every record of the range, and a verifier notices one
/// that is missing. Records that left by retention are listed. With filters it does not claim that.
///
/// Each record is compared with its entry in the log; one that was changed ends the export with exit
/// code 4. Memory use does not depend on the number of records. The file is created once the export is
/// complete, readable only by its owner, and must not exist.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail evidence export --policy trusted.policy -o all.zip
  auditrail evidence export --policy trusted.policy --from-seq 1000 --to-seq 1999 -o range.zip
  auditrail evidence export --policy trusted.policy --tenant-id t1 --since 2026-01-01 -o tenant.zip
  auditrail evidence export --policy trusted.policy --withhold metadata,ip_address -o case.zip

A withheld field cannot be found out from the pack, and what is shown of the record is still verified. id,
created_at and seq are always shown. See docs/evidence-pack.md for the format.")]
pub(crate) struct EvidenceExportArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Fields whose values are left out of every record, such as metadata,user_agent
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = field)]
    pub(crate) withhold: Vec<FieldName>,
    /// First seq [default: 0]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) from_seq: u64,
    /// Last seq [default: the last one of the checkpoint]
    #[arg(long, value_name = "N")]
    pub(crate) to_seq: Option<u64>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// File to create
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Reads the name of a field.
fn field(name: &str) -> Result<FieldName, String> {
    name.parse().map_err(|()| {
        let names = auditrail_evidence::FIELDS.map(FieldName::as_str).join(", ");
        format!("the fields are {names}")
    })
}
