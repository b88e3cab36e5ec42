//! Why a pack is not valid.

use std::io;

use tlog::{NoteError, RangeError, Rejected};
use uuid::Uuid;

use super::container_error::ContainerError;
use super::limits::LINE_MAX;
use super::range::InvalidPackRange;

/// Why a pack is not valid, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
    /// It is not the ZIP file of a pack, or damaged.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// `range.json` is not a range.
    #[error(transparent)]
    Range(#[from] InvalidPackRange),
    /// `checkpoint` is not a note.
    #[error("`checkpoint` is not valid: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint is not trusted.
    #[error(transparent)]
    Checkpoint(#[from] Rejected),
    /// The range ends after the tree of the checkpoint.
    #[error("the pack declares records up to seq {to_seq}, but its checkpoint has size {size}")]
    BeyondCheckpoint {
        /// The last seq of the range.
        to_seq: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// A line is longer than that of any record.
    #[error("line {number} of records.ndjson is longer than {LINE_MAX} bytes")]
    LineTooLong {
        /// The line, from 1.
        number: u64,
    },
    /// The last line has no newline.
    #[error("line {number} of records.ndjson does not end: the file was cut short")]
    Unterminated {
        /// The line.
        number: u64,
    },
    /// A line is not JSON of a record.
    #[error("line {number} of records.ndjson is not a record: {source}")]
    Line {
        /// The line.
        number: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line has neither the members of a record nor those of one that left.
    #[error(
        "line {number} of records.ndjson has neither `id`, `created_at` and `fields` nor `left` alone"
    )]
    Members {
        /// The line.
        number: u64,
    },
    /// A member is not valid, or not in its only form.
    #[error("line {number} of records.ndjson: `{name}` is not in its only form")]
    Form {
        /// The line.
        number: u64,
        /// The member.
        name: &'static str,
    },
    /// A seq is not after the one before it.
    #[error(
        "seq {seq} follows seq {before} in records.ndjson: lines are in the order of their seq, each once; one was put in \
         or moved"
    )]
    Order {
        /// The seq of the line.
        seq: u64,
        /// That of the line before it.
        before: u64,
    },
    /// A seq is not in the range.
    #[error(
        "the record {id} has seq {seq}, which is not in the declared range from {from_seq} to {to_seq}"
    )]
    OutOfRange {
        /// The id of the record.
        id: Uuid,
        /// Its seq.
        seq: u64,
        /// The first seq of the range.
        from_seq: u64,
        /// The last one.
        to_seq: u64,
    },
    /// A complete pack lacks a record.
    #[error(
        "seq {seq} is missing, but the pack declares that it has every record from seq {from_seq} to {to_seq}: a record was \
         removed"
    )]
    Missing {
        /// The first seq that is missing.
        seq: u64,
        /// The first seq of the range.
        from_seq: u64,
        /// The last one.
        to_seq: u64,
    },
    /// A pack with filters says that a record left, which a filter cannot match.
    #[error("seq {seq} is one that left, but the pack has filters, which match records alone")]
    LeftWithFilters {
        /// The seq.
        seq: u64,
    },
    /// A record has another leaf than `hashes`.
    #[error(
        "record {id} is not entry {seq} of the log as the pack shows it: its fields, its time, its id or its hash were \
         changed, or a record before it was removed or put in"
    )]
    OtherEntry {
        /// The id in the line.
        id: Uuid,
        /// Its seq.
        seq: u64,
    },
    /// `hashes` ends early.
    #[error(
        "`hashes` ends before the hashes up to seq {seq}: it was cut short, or a record was put in"
    )]
    HashesEnd {
        /// The seq of the line, or the size of the tree.
        seq: u64,
    },
    /// `hashes` does not end with the tree.
    #[error(
        "`hashes` has more hashes than the {lines} lines of records.ndjson need: a record was removed"
    )]
    HashesLeft {
        /// The number of lines.
        lines: u64,
    },
    /// There are more or fewer lines than declared.
    #[error(
        "the pack has {records} records and {left} that left; range.json declares {declared_records} and {declared_left}"
    )]
    Count {
        /// The number of records.
        records: u64,
        /// The number of those that left.
        left: u64,
        /// The declared number of records.
        declared_records: u64,
        /// The declared number of those that left.
        declared_left: u64,
    },
    /// The hashes lead to another root.
    #[error(
        "the records from seq {from_seq} to {to_seq} do not lead to the root of the checkpoint of size {size}: records \
         and hashes were changed together, or hashes, or the pack has the checkpoint of another log"
    )]
    OtherRoot {
        /// The first seq of the range.
        from_seq: u64,
        /// The last one.
        to_seq: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// A thread of the verification failed.
    #[error("a thread of the verification ended early")]
    Thread,
}

impl From<RangeError> for PackError {
    fn from(error: RangeError) -> Self {
        Self::HashesEnd { seq: error.other }
    }
}

impl PackError {
    /// Whether the pack is not valid; else it could not be verified.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Thread)
    }
}
