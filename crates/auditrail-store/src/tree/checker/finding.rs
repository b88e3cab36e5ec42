//! What a comparison finds.

use std::fmt;

use auditrail_core::{RecordId, RecordTime};

/// Something that is not as it was when it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A field, the time or the key of a record was changed.
    Altered {
        /// The record.
        id: RecordId,
        /// The index of its entry.
        seq: u64,
    },
    /// A record is gone that no run of retention has removed.
    Missing {
        /// The record.
        id: RecordId,
        /// The index of its entry.
        seq: u64,
        /// Its time.
        created_at: RecordTime,
    },
    /// The key of a record is gone although nothing of the record was erased.
    KeyLost {
        /// The record.
        id: RecordId,
        /// The index of its entry.
        seq: u64,
    },
    /// A record is there again that had left before it was sealed.
    PutBack {
        /// The record.
        id: RecordId,
        /// The index of its entry.
        seq: u64,
    },
    /// The sequence has another record at this place than the log.
    OtherOrder {
        /// The place.
        seq: u64,
    },
    /// A tile is not that of the entries.
    Tile {
        /// The level.
        level: u8,
        /// The index of the tile.
        index: u64,
    },
    /// The entries do not have the root that a checkpoint of this size has.
    OtherRoot {
        /// The size.
        size: u64,
    },
    /// The log has fewer entries than a checkpoint.
    Shorter {
        /// The number of entries.
        size: u64,
        /// The size of the checkpoint.
        known: u64,
    },
    /// More records are gone than runs of retention have removed.
    MoreMissing {
        /// The number of records that are gone.
        missing: u64,
        /// The number of records that were removed.
        removed: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { id, seq } => {
                write!(
                    f,
                    "record {id} is not the one of entry {seq}: it was changed after it was sealed"
                )
            }
            Self::Missing { id, seq, created_at } => write!(
                f,
                "record {id} of {created_at}, which has entry {seq}, was removed by other means than retention"
            ),
            Self::KeyLost { id, seq } => write!(
                f,
                "the key of record {id}, which has entry {seq}, was destroyed by other means than erasure"
            ),
            Self::PutBack { id, seq } => write!(
                f,
                "record {id} is there, but had left before entry {seq} was made for it: it was put back"
            ),
            Self::OtherOrder { seq } => {
                write!(f, "the sequence has another record at {seq} than entry {seq}")
            }
            Self::Tile { level, index } => {
                write!(f, "tile {index} of level {level} is not that of the entries")
            }
            Self::OtherRoot { size } => write!(
                f,
                "the first {size} entries do not have the root of the checkpoint of this size: entries were changed, \
                 removed, inserted or reordered"
            ),
            Self::Shorter { size, known } => write!(
                f,
                "the log has {size} entries, but a checkpoint has {known}: it was cut short, or restored to an earlier \
                 state"
            ),
            Self::MoreMissing { missing, removed } => write!(
                f,
                "{missing} records are gone, but runs of retention have removed {removed}"
            ),
        }
    }
}
