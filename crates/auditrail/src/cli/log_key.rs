//! Arguments of `log-key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Create and replace the key that signs checkpoints
///
/// A checkpoint is the signed root of the transparency log: with it, and a short proof, everybody who
/// knows the public key can check that a record was not changed, removed or put in later. `serve` signs
/// one about every second in which the log has grown.
///
/// The key is in a file on the host of the service, and never in the database. Beside it is FILE.signed,
/// the last checkpoint that was signed: after the database was restored to an earlier state nothing is
/// signed that contradicts it. Keep both on one host, and back them up together, apart from the
/// database. Every change is recorded in the log.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail log-key create --signing-key-file signing.key
  auditrail log-key show --policy > trusted.policy
  auditrail log-key rotate")]
pub(crate) enum LogKeyCommand {
    Create(LogKeyCreateArgs),
    Show(LogKeyShowArgs),
    /// Add a new key, which signs together with the present one
    ///
    /// Checkpoints have a signature of each, so that verifiers accept them with either key. Give the new
    /// public key to everybody who verifies, and then remove the old one with `log-key retire`.
    #[command(after_help = "Examples:
  auditrail log-key rotate --signing-key-file signing.key")]
    Rotate(LogKeyArgs),
    /// Remove all keys but the newest
    ///
    /// Checkpoints that they have signed stay valid under them, and their public keys stay in the log.
    #[command(after_help = "Examples:
  auditrail log-key retire --signing-key-file signing.key")]
    Retire(LogKeyArgs),
    Recover(LogKeyRecoverArgs),
}

/// Options of commands that change the key.
#[derive(Debug, Args)]
pub(crate) struct LogKeyArgs {
    /// File of the key [env: AUDITRAIL_SIGNING_KEY_FILE] [default: the key of the private PostgreSQL]
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// Actor of the audit record [default: user:cli:LOGIN]
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
}

/// Create a key in a new file, and print its public key
///
/// The name of the log is in each checkpoint and never changes. A name under a domain of yours, such as
/// audit.example.com/production, cannot be mistaken for that of another log.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail log-key create --signing-key-file signing.key
  auditrail log-key create --signing-key-file signing.key --origin audit.example.com/production")]
pub(crate) struct LogKeyCreateArgs {
    #[command(flatten)]
    pub(crate) key: LogKeyArgs,
    /// Name of the log [default: auditrail/ and the id of the log]
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: Option<String>,
}

/// Print the public keys, and the last checkpoint that was signed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail log-key show
  auditrail log-key show --policy > trusted.policy")]
pub(crate) struct LogKeyShowArgs {
    /// File of the key [env: AUDITRAIL_SIGNING_KEY_FILE] [default: the key of the private PostgreSQL]
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// Print a policy that trusts these keys, for `auditrail verify`
    #[arg(long)]
    pub(crate) policy: bool,
}

/// Start under another name, after the log has lost a state that was signed
///
/// When the database was restored to an earlier state, checkpoints exist that its log contradicts, and
/// nothing is signed any more. Restore the newer state if that is possible. If not, this command keeps
/// the old key beside the file, and creates one for another name of the log, under which nothing was
/// signed. Old proofs stay valid under the old name. The recovery is recorded, with the last checkpoint
/// of the old name, so that everybody who verifies can see what was lost.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail log-key recover --new-origin audit.example.com/production-2")]
pub(crate) struct LogKeyRecoverArgs {
    #[command(flatten)]
    pub(crate) key: LogKeyArgs,
    /// Another name of the log
    #[arg(long, value_name = "NAME")]
    pub(crate) new_origin: String,
}
