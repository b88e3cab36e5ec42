//! Arguments of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::FilterArgs;

/// Writes all matching records to a file or stdout, as CSV or NDJSON
///
/// Any number of records, in little memory. A file appears under its name only when it is complete,
/// readable by its owner alone. The last line of NDJSON is a manifest with the number of records,
/// the first and last of them, and the SHA-256 of the lines before it. In CSV, cells that start with
/// = + - @, a tab or a carriage return get a leading apostrophe, so that no spreadsheet runs them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail export --format ndjson --output audit.ndjson
  auditrail export --format csv --since 2026-01-01 --until 2026-02-01 --output january.csv
  auditrail export --format ndjson --tenant t1 | gzip > t1.ndjson.gz")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// The form of the output
    #[arg(long)]
    pub(crate) format: ExportFormat,
    /// The file to write [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replaces the file if it is there
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A header and a row per record, for spreadsheets.
    Csv,
    /// A JSON object per line and a manifest, for programs; `import` reads it.
    Ndjson,
}
