//! A raw record: the bytes of one record in the input, before they are parsed.

use std::fmt;

/// Maximum size of a raw record, which bounds the memory of a hostile file. Metadata may have 64 KiB,
/// every other field far less.
pub(super) const RECORD_MAX_BYTES: usize = 1_024 * 1_024;

/// The position of a record in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The line on which it starts, 1-based.
    pub(super) line: u64,
    /// Its index in its JSON document, 1-based; 0 for a line of NDJSON.
    pub(super) nth: u64,
}

/// A raw record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawRecord<'a> {
    pub(super) position: Position,
    /// The bytes; empty if there are more than [`RECORD_MAX_BYTES`].
    pub(super) bytes: &'a [u8],
    /// Why the bytes are not a record.
    pub(super) flaw: Option<FramingError>,
}

/// An error found before parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FramingError {
    /// Longer than [`RECORD_MAX_BYTES`].
    TooLong { bytes: u64 },
    /// Not a JSON object.
    NotAnObject,
    /// A string is not terminated on its line.
    OpenString,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "the record has {bytes} bytes; the limit is {RECORD_MAX_BYTES}")
            }
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::OpenString => f.write_str("not JSON: unterminated string"),
        }
    }
}
