//! A write request and its outcome.

use std::sync::Arc;

use auditrail_core::{ProvidedFields, Record};

use crate::key_version::ApiKeyVersion;
use crate::records::size_in_memory;

/// What happens to a request when an id of it belongs to a record with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// No record of the request is written.
    Refuse,
    /// The other records are written.
    Skip,
}

/// Records to write in one transaction.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    pub(super) records: Arc<Vec<Record>>,
    /// For each record, which fields its caller provided.
    pub(super) provided: Vec<ProvidedFields>,
    pub(super) on_conflict: OnConflict,
    /// The API key that the request came with, to be verified before the commit.
    pub(super) key: Option<ApiKeyVersion>,
    pub(super) bytes: usize,
}

impl WriteRequest {
    /// A request to write these records. An empty request has an empty outcome.
    ///
    /// `provided` has the provided fields of each record: only these are compared with a record that is
    /// stored under the same id. A caller that may retry shares the records instead of cloning them.
    ///
    /// # Panics
    /// When the two lists differ in length.
    #[must_use]
    pub fn new(
        records: impl Into<Arc<Vec<Record>>>,
        provided: Vec<ProvidedFields>,
        on_conflict: OnConflict,
    ) -> Self {
        let records = records.into();
        assert_eq!(records.len(), provided.len(), "provided fields for each record");
        let bytes = records.iter().map(size_in_memory).sum();
        Self { records, provided, on_conflict, key: None, bytes }
    }

    /// A request to write a single record.
    #[must_use]
    pub fn one(record: Record, provided: ProvidedFields) -> Self {
        Self::new(vec![record], vec![provided], OnConflict::Refuse)
    }

    /// Adds the API key of the request. The transaction that writes the records checks it: they are
    /// written only if the key is still at this version when the transaction commits. Otherwise the
    /// request fails with [`WriteError::KeyChanged`](crate::WriteError::KeyChanged).
    #[must_use]
    pub const fn with_key(mut self, key: Option<ApiKeyVersion>) -> Self {
        self.key = key;
        self
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The approximate size of the records in memory, which the limits of the writer count.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The outcome of a request. Each of its records is in one list, by its index from 0.
///
/// A duplicate has the same content as the stored record in the fields that its caller provided. Read
/// the stored record by its id to get the other fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Records written by this request.
    pub created: Vec<usize>,
    /// Records that were stored before, or are earlier in the request, with the same content.
    pub duplicates: Vec<usize>,
    /// Records not written because their id belongs to other content. Empty with
    /// [`OnConflict::Refuse`], where they are an error.
    pub conflicts: Vec<usize>,
}

impl WriteOutcome {
    pub(super) fn all_created(records: usize) -> Self {
        Self { created: (0..records).collect(), ..Self::default() }
    }
}
