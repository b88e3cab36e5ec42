//! Records as the bytes of an export: CSV, or NDJSON with a manifest.

mod csv;
mod ndjson;
mod rewrite;

pub use rewrite::Rewrite;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::str::FromStr;

use crate::error::ValueError;
use crate::record::Record;

pub use ndjson::MANIFEST_KEY;

/// What Excel takes as the sign that a CSV file is UTF-8: the byte order mark. An encoder does not write it.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// Comma-separated values (RFC 4180) with a header. A cell that a spreadsheet would interpret
    /// as a formula is prefixed with an apostrophe.
    Csv,
    /// A JSON object in each line. The last line is a manifest, an object whose only key is
    /// [`MANIFEST_KEY`]: the number of records, the first and the last of them, and the SHA-256 of every
    /// byte before it, by which a truncated export is detected.
    Ndjson,
}

impl FromStr for ExportFormat {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(ValueError::UnknownValue { expected: "csv, ndjson" }),
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        })
    }
}

/// Encodes records as the bytes of an export.
///
/// ```
/// use auditrail_core::{ExportEncoder, ExportFormat};
///
/// let mut out = Vec::new();
/// ExportEncoder::new(ExportFormat::Csv).finish(&mut out)?;
/// assert!(out.starts_with(b"id,actor_id,actor_type,action,"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ExportEncoder(Encoder);

#[derive(Debug)]
enum Encoder {
    Csv(csv::Csv),
    Ndjson(Box<ndjson::Ndjson>),
}

impl ExportEncoder {
    /// Starts an export.
    #[must_use]
    pub fn new(format: ExportFormat) -> Self {
        Self::rewriting(format, |text| Cow::Borrowed(text))
    }

    /// Starts an export whose text is rewritten, for instance to redact it.
    #[must_use]
    pub fn rewriting(format: ExportFormat, rewrite: Rewrite) -> Self {
        Self(match format {
            ExportFormat::Csv => Encoder::Csv(csv::Csv::new(rewrite)),
            ExportFormat::Ndjson => Encoder::Ndjson(Box::new(ndjson::Ndjson::new(rewrite))),
        })
    }

    /// Appends one record to `out`, and before the first one the header.
    ///
    /// # Errors
    /// None that a record can cause; the signatures of the encoding libraries have one.
    pub fn record(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            Encoder::Csv(csv) => csv.record(record, out),
            Encoder::Ndjson(ndjson) => ndjson.record(record, out),
        }
    }

    /// Appends the end of the export.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn finish(self, out: &mut Vec<u8>) -> io::Result<()> {
        match self.0 {
            Encoder::Csv(csv) => csv.finish(out),
            Encoder::Ndjson(ndjson) => ndjson.finish(out),
        }
    }
}
