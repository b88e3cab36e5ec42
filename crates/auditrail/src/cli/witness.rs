//! Arguments of `witness`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Cosign checkpoints of transparency logs, so that none can show two versions
///
/// A witness cosigns a checkpoint of a log only if it continues the checkpoint that it has cosigned
/// last, so a log cannot get two versions of itself cosigned. Run it where the operators of the log have
/// no access: a witness that they control proves nothing. Needs no database, and reads no settings but
/// AUDITRAIL_LOG and AUDITRAIL_LOG_FORMAT of the environment.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail witness create-key --name witness.example/w1 --output witness.key
  auditrail witness serve --key-file witness.key --state state --log log.example/audit+KEY
  auditrail witness status --state state")]
pub(crate) enum WitnessCommand {
    CreateKey(WitnessCreateKeyArgs),
    Serve(WitnessServeArgs),
    Status(WitnessStatusArgs),
}

/// Create the key of a witness, and print the key that verifies its cosignatures
///
/// The file has the secret key and only its owner can read it; an existing file is never overwritten.
/// Give the printed verifier key to the logs and to everyone who verifies proofs, for their policy files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail witness create-key --name witness.example/w1 --output witness.key
  auditrail witness create-key --name witness.example/w1 --output witness.key --json | jq -r .key")]
pub(crate) struct WitnessCreateKeyArgs {
    /// Name of the witness, unique in the world: a domain of yours and a path; no spaces and no +
    #[arg(long)]
    pub(crate) name: String,
    /// File for the secret key
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Serve a witness over HTTP
///
/// Logs send checkpoints to POST /add-checkpoint (c2sp.org/tlog-witness). GET / lists the logs
/// with the size and root that were cosigned last, GET /metrics counts requests. Anyone may send
/// requests; only checkpoints that a listed log has signed are considered. Use a proxy for https.
///
/// Each checkpoint is on the disk before it is cosigned. A checkpoint that contradicts the last one is
/// refused and logged as an error with both roots. One process uses a state directory at a time (exit
/// code 5). Never restore the state directory from a backup: a witness cannot detect that, and could
/// then cosign a fork. If the directory is lost, create a new key too.
///
/// SIGTERM or Ctrl-C shuts the witness down gracefully; a second one stops it immediately.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail witness serve --key-file witness.key --state state --log log.example/audit+KEY
  auditrail witness serve --key-file witness.key --state state --log-file logs --listen [::]:8099
  curl http://127.0.0.1:8099/")]
pub(crate) struct WitnessServeArgs {
    /// File with the secret key, which `create-key` has created; refused if other users can read it
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// Directory for the checkpoint of each log that was cosigned last; created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Verifier key of a log to cosign for; its name is the origin of the log; may be repeated
    #[arg(long = "log", value_name = "VKEY", required_unless_present = "log_file")]
    pub(crate) logs: Vec<String>,
    /// File with a verifier key of a log on each line; empty lines and lines that begin with # are ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Address of the listener; a name is resolved
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8099")]
    pub(crate) listen: String,
}

/// List what a witness has cosigned last, from its state directory
///
/// Works while the witness runs, and does not verify the signatures in the files. Exit code 4 when a
/// file is damaged.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail witness status --state state
  auditrail witness status --state state --json | jq -r '.origin + \" \" + .root'")]
pub(crate) struct WitnessStatusArgs {
    /// State directory of the witness
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
}
