//! A piece of input that should be one record.

use std::fmt;

/// The longest piece that is read; metadata may have 64 KiB, and every other field far less. It bounds
/// the memory a hostile file can take.
pub(super) const PIECE_MAX_BYTES: usize = 1_024 * 1_024;

/// Where a piece is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The line it starts on, from 1.
    pub(super) line: u64,
    /// Which of the records of its JSON document it is, from 1; 0 when it is a line of its own.
    pub(super) nth: u64,
}

/// A piece of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Where it is.
    pub(super) place: Place,
    /// Its bytes, or why there are none to be had.
    pub(super) body: Result<&'a [u8], Flaw>,
}

/// What is wrong with a piece before anybody looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is longer than [`PIECE_MAX_BYTES`].
    TooLong {
        /// How long.
        bytes: u64,
    },
    /// Something other than a JSON object stands where one should.
    NotAnObject,
    /// A string is not closed on its line.
    OpenString,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "the record has {bytes} bytes; the limit is {PIECE_MAX_BYTES}")
            }
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::OpenString => f.write_str("not JSON: unterminated string"),
        }
    }
}
