//! What every place that keeps records offers.

use std::future::Future;

use serde::Serialize;

use crate::error::ErrorCode;
use crate::id::RecordId;
use crate::input::CreateInput;
use crate::query::Query;
use crate::record::Record;

/// A place that keeps audit records.
///
/// Nothing here changes or deletes a record. Errors are the implementer's own; every one of them must
/// at least tell a refused input from a failure worth retrying.
pub trait AuditLogService: Send + Sync {
    /// Why a call failed.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Writes one record. It is on disk when this returns.
    ///
    /// # Errors
    /// Among others a conflict, when the id is there with other content
    /// ([`CreateInput::matches_stored`]).
    fn create(
        &self,
        input: CreateInput,
    ) -> impl Future<Output = Result<Created, Self::Error>> + Send;

    /// Writes many records in one transaction: with [`OnInvalid::Refuse`] all or none.
    ///
    /// # Errors
    /// Among others, with [`OnInvalid::Refuse`], the first conflict.
    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> impl Future<Output = Result<BatchOutcome, Self::Error>> + Send;

    /// Finds records, newest first.
    ///
    /// # Errors
    /// Whatever keeps the place from answering; finding nothing is no error.
    fn query(&self, query: &Query) -> impl Future<Output = Result<Found, Self::Error>> + Send;

    /// Gets one record.
    ///
    /// # Errors
    /// Whatever keeps the place from answering; an unknown id is `None`.
    fn get(&self, id: RecordId)
    -> impl Future<Output = Result<Option<Record>, Self::Error>> + Send;
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was written.
    New(Record),
    /// The same id and content were there already; this is what is stored.
    Duplicate(Record),
}

impl Created {
    /// The record as it is stored.
    #[must_use]
    pub const fn record(&self) -> &Record {
        match self {
            Self::New(record) | Self::Duplicate(record) => record,
        }
    }

    /// The record as it is stored.
    #[must_use]
    pub fn into_record(self) -> Record {
        match self {
            Self::New(record) | Self::Duplicate(record) => record,
        }
    }
}

/// What to do with the rest of a batch when one record cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnInvalid {
    /// Write none.
    #[default]
    Refuse,
    /// Write the others.
    Skip,
}

/// What became of a batch. The three numbers add up to its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Records that were written.
    pub created: u64,
    /// Records that were there already with the same content, or twice in the batch.
    pub duplicates: u64,
    /// Records that could not be written, by their place. Empty with [`OnInvalid::Refuse`].
    pub rejected: Vec<Rejected>,
}

/// One record of a batch that could not be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Stable code to match on.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub detail: String,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The records of the page, newest first.
    pub records: Vec<Record>,
    /// Whether more match after the last of them.
    pub has_more: bool,
    /// How many match in all, when the query asked for it.
    pub total: Option<u64>,
}
