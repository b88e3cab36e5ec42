//! Arguments of `verify`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Verify proofs of records, packs of them, whole logs, and that a log continues an earlier checkpoint
///
/// Trusts nothing but the keys in the policy file. Only `verify db` needs the database, and only a SOURCE
/// that is a URL the network. Exit code 4 when something is not valid.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail verify proof --policy trusted.policy record.json
  auditrail verify pack --policy trusted.policy case.zip
  auditrail verify log --policy trusted.policy https://audit.example/v1/log
  auditrail verify consistency --policy trusted.policy old.checkpoint new.checkpoint --proof proof.json")]
pub(crate) enum VerifyCommand {
    Proof(VerifyProofArgs),
    Pack(VerifyPackArgs),
    Log(VerifyLogArgs),
    Consistency(VerifyConsistencyArgs),
    Db(VerifyDbArgs),
}

/// Compare every record of the database with the transparency log
///
/// Computes each entry anew from the record and its key, and the whole tree from the entries, and compares
/// them with what is stored: finds records that were changed, removed by other means than retention, or
/// put back, and entries that were changed or reordered. A checkpoint that was kept elsewhere also finds a
/// log that was made again as a whole. `serve` does the same in the background, in small steps. Reads
/// everything once, a few MB at a time. Exit code 4 when something differs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail verify db
  auditrail verify db --policy trusted.policy --checkpoint may.checkpoint")]
pub(crate) struct VerifyDbArgs {
    /// File with the keys that you trust, for --checkpoint
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Checkpoint that was kept elsewhere; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
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
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Files with the proof of a record each; - for stdin
    #[arg(value_name = "PROOF", required = true)]
    pub(crate) proofs: Vec<PathBuf>,
}

/// Verify packs of records: every record, their range, and that a log has them
///
/// Prints what was verified: the number of records, the range of their seq, whether the pack has every
/// record of it, and the witnesses that have cosigned the checkpoint. The policy in the pack is not used.
/// Memory use does not depend on the number of records. Exit code 4 when a pack is not valid; the others
/// are verified too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail verify pack --policy trusted.policy case.zip
  auditrail verify pack --policy trusted.policy *.zip --json | jq -r 'select(.valid | not) | .file'

`auditrail evidence export` makes packs. Read the records of one that is valid with
  unzip -p case.zip records.ndjson")]
pub(crate) struct VerifyPackArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Packs: ZIP files
    #[arg(value_name = "PACK", required = true)]
    pub(crate) packs: Vec<PathBuf>,
}

/// Verify a whole log: its checkpoint, every entry and every tile
///
/// Reads all entries, computes the tree from them, and compares it with the tiles and the checkpoint of
/// the log. Every entry must be that of an audit record, and no record may have two. Takes 24 bytes of
/// memory a record up to 8 million records; beyond that the ids are sorted in a temporary file, which
/// takes 24 bytes a record. Exit code 4 when the log is not valid, 1 when it cannot be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail verify log --policy trusted.policy ./mirror
  auditrail verify log --policy trusted.policy https://audit.example/v1/log --api-key-file audit.key
  auditrail verify log --policy trusted.policy ./mirror --since may.checkpoint
  auditrail verify log --policy trusted.policy ./mirror --json | jq -j .checkpoint >june.checkpoint

The paths are those of https://c2sp.org/tlog-tiles.

Keep the checkpoint of each verification, in a place that the service cannot write to: --since finds
records that were changed or removed since then, although the log was signed again.")]
pub(crate) struct VerifyLogArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Directory, or http(s) URL, with the paths of tlog-tiles: `checkpoint` and `tile/`. The URL of a
    /// service ends in /v1/log
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Earlier checkpoint that the log must continue; can be repeated
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) since: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
}

/// Verify that a checkpoint continues an earlier one of the same log
///
/// Shows that the log has changed and removed no entry between the two. Checkpoints of the same size
/// need no proof. Exit code 4 when the later one does not continue the earlier one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail verify consistency --policy trusted.policy may.checkpoint june.checkpoint --proof proof.json
  auditrail verify consistency --policy trusted.policy may.checkpoint june.checkpoint --log ./mirror

The service makes the proof: GET /v1/log/consistency?from=SIZE&to=SIZE.")]
pub(crate) struct VerifyConsistencyArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Earlier checkpoint; - for stdin
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// Later checkpoint; - for stdin
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Consistency proof, as a JSON document
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    pub(crate) proof: Option<PathBuf>,
    /// Make the proof from tiles of this directory or http(s) URL
    #[arg(long, value_name = "SOURCE")]
    pub(crate) log: Option<String>,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
}

/// The keys that are trusted.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// File with the keys of the logs and witnesses that you trust
    #[arg(long = "policy", value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// How a URL is read.
#[derive(Debug, Args)]
pub(crate) struct HttpArgs {
    /// File with the API key for a URL [env: AUDITRAIL_KEY_FILE, or AUDITRAIL_KEY for the key itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Seconds that a request to a URL may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}
