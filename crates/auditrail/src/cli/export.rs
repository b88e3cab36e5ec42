//! Arguments of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::FilterArgs;

/// Write all matching records to a file or stdout, as CSV or NDJSON
///
/// Memory use does not depend on the number of records. The output file is created atomically once
/// the export is complete, readable only by its owner. The last line of NDJSON is a manifest: the
/// number of records, the first and last of them, and the SHA-256 of the preceding lines. In CSV,
/// cells that start with = + - @ (also full-width), a tab or a line break are prefixed with an
/// apostrophe, so that spreadsheets do not evaluate them as formulas.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail export --format ndjson --output audit.ndjson
  auditrail export --format csv --since 2026-01-01 --until 2026-02-01 --output january.csv
  auditrail export --format csv --bom --since 30d --output for-excel.csv
  auditrail export --format ndjson --q 'actor:ana metadata.plan:pro' --output ana.ndjson
  auditrail export --format ndjson --tenant-id t1 | gzip > t1.ndjson.gz")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Output format
    #[arg(long)]
    pub(crate) format: ExportFormat,
    /// Start CSV with a byte order mark, without which Excel does not read it as UTF-8
    #[arg(long)]
    pub(crate) bom: bool,
    /// Output file [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A header and one row per record, for spreadsheets.
    Csv,
    /// One JSON object per line, then a manifest; `import` reads it.
    Ndjson,
}
