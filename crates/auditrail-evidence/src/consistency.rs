//! Consistency proofs as JSON documents: that one tree begins with the leaves of an earlier one.

use serde::{Deserialize, Serialize};
use tlog::{Hash, SIZE_MAX};

/// The version of the document.
const VERSION: &str = "auditrail/consistency/v1";
/// The longest document, in bytes. The longest proof takes some 3 KiB.
const DOCUMENT_MAX: usize = 64 * 1024;
/// Most hashes of a document: one more than the height of the largest tree.
const HASHES_MAX: usize = 64;

/// A consistency proof. As a document it is JSON, with each hash in Base64:
///
/// ```json
/// {"version":"auditrail/consistency/v1","from":3,"to":7,"hashes":["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]}
/// ```
///
/// It names no log and has no roots: those are in the checkpoints of both sizes. [`tlog::consistency::verify`] verifies
/// the hashes under the roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyDocument {
    /// The size of the earlier tree.
    pub from: u64,
    /// The size of the later tree.
    pub to: u64,
    /// The hashes of the proof, in the order of RFC 6962, section 2.1.2.
    pub hashes: Vec<Hash>,
}

/// Bytes that are not the document of a consistency proof.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConsistencyDocument {
    /// It is longer than any proof.
    #[error("the document is longer than {DOCUMENT_MAX} bytes")]
    TooLong,
    /// It is not the JSON of a consistency proof.
    #[error("the document is not a consistency proof: {0}")]
    Json(serde_json::Error),
    /// It is of another version.
    #[error("the document is of version {found:?}; this program verifies {VERSION}")]
    Version {
        /// Its version.
        found: String,
    },
    /// A size is larger than that of any tree, or the later tree is smaller.
    #[error(
        "`from` is {from} and `to` is {to}; sizes are below 2^63, and `from` is not larger than `to`"
    )]
    Sizes {
        /// The size of the earlier tree.
        from: u64,
        /// The size of the later tree.
        to: u64,
    },
    /// It has more hashes than any proof.
    #[error("`hashes` has {found} hashes; no proof has more than {HASHES_MAX}")]
    TooManyHashes {
        /// Their number.
        found: usize,
    },
    /// A hash is not one.
    #[error("hash {number} of `hashes` is not 44 characters of Base64")]
    Hash {
        /// The hash, counted from 1.
        number: usize,
    },
}

/// serde refuses a member that occurs twice: another reader might take the other value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: String,
    from: u64,
    to: u64,
    hashes: Vec<String>,
}

impl ConsistencyDocument {
    /// Reads a document. Nothing in it is verified.
    ///
    /// # Errors
    /// [`InvalidConsistencyDocument`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidConsistencyDocument> {
        if bytes.len() > DOCUMENT_MAX {
            return Err(InvalidConsistencyDocument::TooLong);
        }
        let document = serde_json::from_slice(bytes).map_err(InvalidConsistencyDocument::Json)?;
        let Document { version, from, to, hashes } = document;
        if version != VERSION {
            let found = version.chars().take(100).collect();
            return Err(InvalidConsistencyDocument::Version { found });
        }
        if from > to || to > SIZE_MAX {
            return Err(InvalidConsistencyDocument::Sizes { from, to });
        }
        if hashes.len() > HASHES_MAX {
            return Err(InvalidConsistencyDocument::TooManyHashes { found: hashes.len() });
        }
        let hash = |(number, text): (usize, &String)| {
            text.parse().map_err(|_| InvalidConsistencyDocument::Hash { number })
        };
        let hashes = (1..).zip(&hashes).map(hash).collect::<Result<_, _>>()?;
        Ok(Self { from, to, hashes })
    }

    /// The document, as one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            version: VERSION.to_owned(),
            from: self.from,
            to: self.to,
            hashes: self.hashes.iter().map(Hash::to_string).collect(),
        };
        // Text and numbers alone: it cannot fail.
        serde_json::to_string(&document).unwrap_or_default()
    }
}
