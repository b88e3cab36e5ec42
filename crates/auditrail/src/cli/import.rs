//! Arguments of `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Import records from files
///
/// Files may be compressed with gzip; - is stdin. Records are written in chunks, one transaction each.
/// The import is idempotent: a record without an id gets one derived from its time, the file name, its
/// line number and its bytes, so a second run adds nothing. An invalid line is reported with its
/// number and the reason, and the import continues; the exit code is then 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail import --format ndjson events.ndjson.gz
  auditrail import --format cloudtrail --tenant acme trail/*.json.gz
  auditrail import --format ndjson --dry-run --rejects bad.ndjson events.ndjson
  zcat events.gz | jq -c '{…}' | auditrail import --format ndjson -")]
pub(crate) struct ImportArgs {
    /// Input files; - is stdin
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Input format
    #[arg(long)]
    pub(crate) format: ImportFormat,
    /// Tenant of the records; a record that names another tenant is rejected
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Stop at the first rejected line; chunks written before it stay
    #[arg(long)]
    pub(crate) strict: bool,
    /// Validate the input without writing anything; needs no database
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write every rejected line to this new file, as NDJSON with file, line, reason and input
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

/// Input format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// One JSON object per line, keyed by column name, as `export` writes it.
    Ndjson,
    /// AWS CloudTrail records: one per line, or in documents such as {"Records": […]}.
    Cloudtrail,
}
