//! What a pack claims to have.

use serde::{Deserialize, Serialize};
use tlog::SIZE_MAX;

/// The version of the format.
const VERSION: &str = "auditrail/pack/v1";
/// The longest document, in bytes: filters are at most as long as a command line accepts them.
pub(super) const RANGE_MAX: usize = 1024 * 1024;

/// The range of a pack, and whether it is complete. [The format](super) has it as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRange {
    /// The first seq of the range.
    pub from_seq: u64,
    /// The last one, which is in the range too.
    pub to_seq: u64,
    /// The filters that leave records out, as name and value; `None` for a value that was withheld. Without filters, the
    /// pack is complete.
    pub filters: Vec<(String, Option<String>)>,
    /// The number of records in the pack.
    pub records: u64,
    /// The number of records that had left.
    pub left: u64,
}

/// Bytes that are not the range of a pack.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPackRange {
    /// It is not the JSON of a range.
    #[error("range.json is not the range of a pack: {0}")]
    Json(serde_json::Error),
    /// It is of another version.
    #[error("the pack is of version {found:?}; this program verifies {VERSION}")]
    Version {
        /// Its version.
        found: String,
    },
    /// The seqs are not a range.
    #[error(
        "range.json declares the seqs {from_seq} to {to_seq}; the last one is not before the first, and below 2^63"
    )]
    Seqs {
        /// The first seq.
        from_seq: u64,
        /// The last one.
        to_seq: u64,
    },
    /// It says that a pack with filters is complete, or that one without them is not.
    #[error(
        "range.json declares complete as {complete}, with {filters} filters; a pack is complete without filters alone"
    )]
    Complete {
        /// What it says.
        complete: bool,
        /// The number of filters.
        filters: usize,
    },
}

/// serde refuses a member that occurs twice: another reader might take the other value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: String,
    from_seq: u64,
    to_seq: u64,
    filters: Vec<(String, Option<String>)>,
    complete: bool,
    records: u64,
    left: u64,
}

impl PackRange {
    /// Reads the document. Nothing in it is verified.
    ///
    /// # Errors
    /// [`InvalidPackRange`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidPackRange> {
        let document: Document = serde_json::from_slice(bytes).map_err(InvalidPackRange::Json)?;
        let Document { version, from_seq, to_seq, filters, complete, records, left } = document;
        if version != VERSION {
            return Err(InvalidPackRange::Version { found: version.chars().take(100).collect() });
        }
        if from_seq > to_seq || to_seq >= SIZE_MAX {
            return Err(InvalidPackRange::Seqs { from_seq, to_seq });
        }
        if complete != filters.is_empty() {
            return Err(InvalidPackRange::Complete { complete, filters: filters.len() });
        }
        Ok(Self { from_seq, to_seq, filters, records, left })
    }

    /// Whether the pack has a line for each seq of the range.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.filters.is_empty()
    }

    /// The document, as one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { from_seq, to_seq, filters, records, left } = self.clone();
        let (version, complete) = (VERSION.to_owned(), self.is_complete());
        let document = Document { version, from_seq, to_seq, filters, complete, records, left };
        // Text and numbers alone: it cannot fail.
        serde_json::to_string(&document).unwrap_or_default()
    }
}
