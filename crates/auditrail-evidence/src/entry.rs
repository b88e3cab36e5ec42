//! Entries: what the log hashes for a record.

use auditrail_core::RecordTime;
use tlog::{Hash, leaf_hash};
use uuid::Uuid;

/// What an entry begins with, which is its version.
const VERSION: &[u8; 19] = b"auditrail/entry/v1\n";
/// The length of an entry.
pub const ENTRY_BYTES: usize = VERSION.len() + 16 + 8 + 32;

/// The entry of a record: it has no personal data, and its size is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id of the record.
    pub id: Uuid,
    /// Its time.
    pub created_at: RecordTime,
    /// The hash of the commitments to its fields.
    pub fields_root: [u8; 32],
}

/// Bytes that are not an entry of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry is {ENTRY_BYTES} bytes that begin with auditrail/entry/v1")]
pub struct InvalidEntry;

impl Entry {
    /// The bytes: the version, the id, the time in microseconds since 1970 as a signed number, big-endian, and the
    /// hash of the commitments.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let (version, rest) = bytes.split_at_mut(VERSION.len());
        let (id, rest) = rest.split_at_mut(16);
        let (time, root) = rest.split_at_mut(8);
        version.copy_from_slice(VERSION);
        id.copy_from_slice(self.id.as_bytes());
        time.copy_from_slice(&self.created_at.unix_micros().to_be_bytes());
        root.copy_from_slice(&self.fields_root);
        bytes
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`InvalidEntry`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidEntry> {
        let parse = || {
            let rest = bytes.strip_prefix(VERSION)?;
            let (id, rest) = rest.split_first_chunk()?;
            let (time, root) = rest.split_first_chunk()?;
            Some(Self {
                id: Uuid::from_bytes(*id),
                created_at: RecordTime::from_unix_micros(i64::from_be_bytes(*time)).ok()?,
                fields_root: root.try_into().ok()?,
            })
        };
        parse().ok_or(InvalidEntry)
    }

    /// Its hash in the tree of the log.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}
