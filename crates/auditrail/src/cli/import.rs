//! Arguments of `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Reads records from files into the log
///
/// Files may be compressed with gzip; - is stdin. Records are written in chunks, each whole or not at
/// all, and a second run adds nothing: a record without an id gets one derived from its time, the
/// file's name, its line number and its bytes. A line that cannot be a record is reported with its
/// number and the reason and does not stop the rest; the exit code is 1 when there was one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail import --format ndjson events.ndjson.gz
  auditrail import --format cloudtrail --tenant acme trail/*.json.gz
  auditrail import --format ndjson --dry-run --rejects bad.ndjson events.ndjson
  zcat events.gz | jq -c '{…}' | auditrail import --format ndjson -")]
pub(crate) struct ImportArgs {
    /// Files to read; - is stdin
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What the files hold
    #[arg(long)]
    pub(crate) format: ImportFormat,
    /// Whose records they are; a record that names another tenant is rejected
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Stops at the first line that is rejected; chunks before it stay
    #[arg(long)]
    pub(crate) strict: bool,
    /// Reads and checks everything, and writes nothing; needs no database
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Writes every rejected line to this new file, as NDJSON with file, line, reason and input
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// A JSON object per line under the names of the columns, as `export` writes it.
    Ndjson,
    /// Records of AWS CloudTrail: a line each, or in documents such as {"Records": […]}.
    Cloudtrail,
}
