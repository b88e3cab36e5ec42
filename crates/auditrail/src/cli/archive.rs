//! Arguments of `archive`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// List, verify and restore archives of records that left the log
///
/// `serve` and `retention run` write them, if an archive directory is set. An archive is a file of JSON lines, compressed with zstd,
/// and a manifest.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  auditrail archive list archives
  auditrail archive verify archives
  auditrail --data-dir ./case archive restore archives --all")]
pub(crate) enum ArchiveCommand {
    /// List the archives in a directory
    #[command(after_help = "Examples:
  auditrail archive list archives
  auditrail archive list archives --json | jq -r .name")]
    List {
        /// Directory of the archives
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Read archives to their end, and compare them with their manifests
    ///
    /// Exit code 4 when one is damaged. The record of the run that removed the records has the SHA-256
    /// of the manifest, which is printed.
    #[command(after_help = "Examples:
  auditrail archive verify archives
  auditrail archive verify archives 01890a5d-ac96-774b-bcce-b302099a8057-00001")]
    Verify {
        /// Directory of the archives
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Archives to verify [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    Restore(ArchiveRestoreArgs),
}

/// Bring archives into another log, to search them
///
/// The target is the log of --database-url, or of the private PostgreSQL in --data-dir, and must not be
/// the log that the records left. Each archive is verified first. A restore can be repeated: records
/// that are present are not written twice.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail --data-dir ./case archive restore archives --all
  auditrail --data-dir ./case query --actor user:ana")]
pub(crate) struct ArchiveRestoreArgs {
    /// Directory of the archives
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Archives to restore
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) names: Vec<String>,
    /// Restore all archives of the directory
    #[arg(long)]
    pub(crate) all: bool,
}
