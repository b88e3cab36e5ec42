//! What callers ask of the writer, and what they are told.

use std::sync::Arc;

use auditrail_core::{Record, Target};

use crate::api_keys::ApiKeyVersion;

/// What happens to a request when another record has one of its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing of the request is written.
    Refuse,
    /// The other records are written.
    Skip,
}

/// Records that are written together, in one transaction.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    pub(super) records: Arc<Vec<Record>>,
    /// For each record, whether the caller gave its time.
    pub(super) time_given: Vec<bool>,
    pub(super) on_conflict: OnConflict,
    /// The API key that the request came with, to be verified before the commit.
    pub(super) key: Option<ApiKeyVersion>,
    pub(super) bytes: usize,
}

impl WriteRequest {
    /// Asks for all these records. An empty request is answered with an empty outcome.
    ///
    /// `time_given` says for each record whether the caller gave its time: one that was made up is
    /// not compared with what is stored under the same id. A caller that may have to ask again shares
    /// the records instead of copying them.
    ///
    /// # Panics
    /// When the two lists differ in length.
    #[must_use]
    pub fn new(
        records: impl Into<Arc<Vec<Record>>>,
        time_given: Vec<bool>,
        on_conflict: OnConflict,
    ) -> Self {
        let records = records.into();
        assert_eq!(records.len(), time_given.len(), "one flag for each record");
        let bytes = records.iter().map(bytes_of).sum();
        Self { records, time_given, on_conflict, key: None, bytes }
    }

    /// Asks for a single record.
    #[must_use]
    pub fn one(record: Record, time_given: bool) -> Self {
        Self::new(vec![record], vec![time_given], OnConflict::Refuse)
    }

    /// Has the API key verified that the request came with, in the transaction that writes the records:
    /// they are written only if the key is still at this version when the transaction commits.
    /// Otherwise the request fails with [`WriteError::KeyChanged`](crate::WriteError::KeyChanged).
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

    /// What the records take in memory, about; this is what the writer's limits count.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What became of a request: each of its records is in one list, as its place from 0.
///
/// A duplicate is stored with the same content, but for a made-up time, which may differ: read the
/// record by its id to have it as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Records that this request wrote.
    pub created: Vec<usize>,
    /// Records that were there already, or came earlier in the request, with the same content.
    pub duplicates: Vec<usize>,
    /// Records whose id belongs to other content; not written. Empty under [`OnConflict::Refuse`],
    /// where they are an error.
    pub conflicts: Vec<usize>,
}

impl WriteOutcome {
    pub(super) fn all_created(records: usize) -> Self {
        Self { created: (0..records).collect(), ..Self::default() }
    }
}

fn bytes_of(record: &Record) -> usize {
    let Record {
        id: _,
        actor,
        action,
        target: Target { target_type, target_id },
        metadata,
        ip_address: _,
        user_agent,
        created_at: _,
        tenant_id,
        request_id,
    } = record;
    size_of::<Record>()
        + actor.id().len()
        + action.as_str().len()
        + target_type.as_str().len()
        + target_id.as_str().len()
        + metadata.as_ref().map_or(0, |metadata| metadata.as_str().len())
        + length(user_agent.as_ref())
        + length(tenant_id.as_ref())
        + length(request_id.as_ref())
}

fn length(text: Option<&impl AsRef<str>>) -> usize {
    text.map_or(0, |text| text.as_ref().len())
}
