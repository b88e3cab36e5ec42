//! Arguments of `verify`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Verify proofs of records, offline
///
/// Needs neither the network nor a database, and trusts nothing but the keys in the policy file. Exit
/// code 4 when something is not valid.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail verify proof --policy trusted.policy record.json")]
pub(crate) enum VerifyCommand {
    Proof(VerifyProofArgs),
}

/// Verify that a log has a record, as its proof shows it
///
/// Prints what was verified: the place of the record in the log, the fields that the proof shows, those
/// that it withholds, and the witnesses that have cosigned the checkpoint. Exit code 4 when a proof is
/// not valid; the others are verified too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail verify proof --policy trusted.policy record.json
  auditrail verify proof --policy trusted.policy proofs/*.json --json | jq -r 'select(.valid | not) | .file'

A policy is a text file with the keys that you trust (https://c2sp.org/tlog-policy), for example:
  log log.example/audit+KEY
  witness auditor witness.example+KEY
  quorum auditor
Get the keys from a source that you trust, not from the service that made the proofs.")]
pub(crate) struct VerifyProofArgs {
    /// File with the keys of the logs and witnesses that you trust
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Files with the proof of a record each; - for stdin
    #[arg(value_name = "PROOF", required = true)]
    pub(crate) proofs: Vec<PathBuf>,
}
