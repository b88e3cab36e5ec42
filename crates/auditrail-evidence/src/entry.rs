//! Entries: what the log hashes for a record.

use auditrail_core::RecordTime;
use tlog::{Hash, leaf_hash};
use uuid::Uuid;

/// What an entry begins with, which is its version.
const VERSION: &[u8; 19] = b"auditrail/entry/v1\n";
/// What the entry of a record that was gone begins with.
const ABSENT: &[u8; 20] = b"auditrail/absent/v1\n";
/// The length of the entry of a record that was gone.
const ABSENT_BYTES: usize = ABSENT.len() + 16;
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
#[error(
    "an entry is {ENTRY_BYTES} bytes that begin with auditrail/entry/v1, or {ABSENT_BYTES} that begin with \
     auditrail/absent/v1"
)]
pub struct InvalidEntry;

/// What the log has at a seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEntry {
    /// The entry of a record.
    Record(Entry),
    /// The id of a record that had a seq and was gone before the log had an entry for it. Nothing can be proved about its
    /// content. That is usual only for records that left before the log was set up.
    Absent(Uuid),
}

impl LogEntry {
    /// The bytes: those of [`Entry::to_bytes`], or `auditrail/absent/v1`, a newline and the id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Record(entry) => entry.to_bytes().to_vec(),
            Self::Absent(id) => [ABSENT.as_slice(), id.as_bytes()].concat(),
        }
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`InvalidEntry`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidEntry> {
        match bytes.strip_prefix(ABSENT) {
            Some(id) => Uuid::from_slice(id).map(Self::Absent).map_err(|_| InvalidEntry),
            None => Entry::parse(bytes).map(Self::Record),
        }
    }

    /// The id of the record.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Record(entry) => entry.id,
            Self::Absent(id) => *id,
        }
    }

    /// Its hash in the tree of the log.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        match self {
            Self::Record(entry) => entry.leaf_hash(),
            Self::Absent(_) => leaf_hash(&self.to_bytes()),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back_and_other_bytes_are_refused() {
        let id = Uuid::from_u128(7);
        let created_at = RecordTime::from_unix_micros(1).unwrap();
        let record = LogEntry::Record(Entry { id, created_at, fields_root: [3; 32] });
        for entry in [record, LogEntry::Absent(id)] {
            let bytes = entry.to_bytes();
            assert_eq!(LogEntry::parse(&bytes), Ok(entry));
            assert_eq!(entry.id(), id);
            assert_eq!(entry.leaf_hash(), leaf_hash(&bytes));
            assert_eq!(LogEntry::parse(&bytes[1..]), Err(InvalidEntry));
            assert_eq!(LogEntry::parse(&[bytes.as_slice(), b"x"].concat()), Err(InvalidEntry));
        }
        assert_ne!(record.leaf_hash(), LogEntry::Absent(id).leaf_hash());
    }
}
