//! Arguments of `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Import records from files
///
/// Files may be compressed with gzip, and UTF-8 or UTF-16; - is stdin. Records are written in chunks, one
/// transaction each. The import is idempotent: a record without an id gets one derived from its line and
/// the number of equal lines before it in the input, so a second run adds nothing, even if files were
/// renamed or invalid lines were corrected or removed. An invalid line is reported with its number and the
/// reason, and the import continues; the exit code is then 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail import --format ndjson events.ndjson.gz
  auditrail import --format cloudtrail --tenant acme --recursive AWSLogs/
  auditrail import --format ndjson --source host1 host1/audit.ndjson
  auditrail import --format ndjson --rejects bad.ndjson events.ndjson
  find logs -name '*.json.gz' -print0 | auditrail import --format cloudtrail --files-from -
  zcat events.gz | jq -c -f map.jq | auditrail import --format ndjson -")]
pub(crate) struct ImportArgs {
    /// Input files; - is stdin
    #[arg(required_unless_present = "files_from", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Import the files in directories and their subdirectories; hidden ones are skipped
    #[arg(long, short)]
    pub(crate) recursive: bool,
    /// Read the names of more input files from this file, separated by line breaks or NUL; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// Input format
    #[arg(long)]
    pub(crate) format: ImportFormat,
    /// Name of the source, such as a host. Equal lines without an id are separate records if their
    /// sources differ; within one import they always are
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Tenant of the records; a record that names another tenant is rejected
    #[arg(long, visible_alias = "tenant-id", value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Stop at the first rejected line; chunks written before it stay
    #[arg(long)]
    pub(crate) strict: bool,
    /// Validate the input without writing anything; needs no database
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write rejected records to this new file, one per line, which can be corrected and imported; FILE.reasons
    /// has file, line and reason of each
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

/// Input format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// One JSON object per line, keyed by column name, as `export` writes it.
    Ndjson,
    /// AWS CloudTrail records: one per line, or in documents such as {"Records": […]}; also as printed
    /// by `aws cloudtrail lookup-events`, or in events of EventBridge.
    Cloudtrail,
}
