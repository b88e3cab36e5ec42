//! A chunk of records, which the reader sends to the writer.

use std::io;

use auditrail_core::Record;

use super::super::raw_record::Position;
use super::super::reject::Reject;

/// Records that are written in one transaction, with the rejects and file ends read along with them.
#[derive(Default)]
pub(in super::super) struct Chunk {
    pub(in super::super) records: Vec<Record>,
    /// For each record, whether the input has a time; otherwise the record has the time of this run.
    pub(in super::super) time_given: Vec<bool>,
    /// For each record, where it was read.
    pub(in super::super) origins: Vec<Origin>,
    /// Rejected records, with the index of their file.
    pub(in super::super) rejects: Vec<(usize, Reject)>,
    /// Files that were read to their end.
    pub(in super::super) ended: Vec<FileEnd>,
    pub(super) bytes: usize,
}

/// Where a record was read.
#[derive(Debug)]
pub(in super::super) struct Origin {
    /// Index of the file.
    pub(in super::super) file: usize,
    pub(in super::super) position: Position,
    /// Whether the id was derived from the line.
    pub(in super::super) id_is_derived: bool,
    /// The raw bytes; empty unless `--rejects` is given.
    pub(in super::super) input: Vec<u8>,
}

impl Chunk {
    /// Removes all records from `index` on.
    pub(super) fn truncate(&mut self, index: usize) {
        self.records.truncate(index);
        self.time_given.truncate(index);
        self.origins.truncate(index);
    }
}

/// The end of a file.
pub(in super::super) struct FileEnd {
    pub(in super::super) file: usize,
    /// Number of records, valid and invalid.
    pub(in super::super) records: u64,
    /// The read error, if the file could not be read completely.
    pub(in super::super) error: Option<io::Error>,
    /// What the user should know about the file.
    pub(in super::super) notes: Vec<String>,
}
