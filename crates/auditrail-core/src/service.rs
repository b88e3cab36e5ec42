//! The interface of a store of audit records.

use std::future::Future;

use serde::Serialize;

use crate::error::ErrorCode;
use crate::id::RecordId;
use crate::input::CreateInput;
use crate::query::{Cursor, Query, Total};
use crate::record::Record;

/// A store of audit records, local or remote.
///
/// No method changes or deletes a record. The error type is the implementer's; it must distinguish
/// rejected input from a failure worth retrying.
pub trait AuditLogService: Send + Sync {
    /// Why a call failed.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Writes one record. It is durable when this returns.
    ///
    /// # Errors
    /// Among others a conflict, when the id belongs to a record with other content
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

    /// Finds records.
    ///
    /// # Errors
    /// When the store is unavailable, or no record matches whose page
    /// [`Position::Around`](crate::Position::Around) requests. Otherwise an empty result is not an error.
    fn query(&self, query: &Query) -> impl Future<Output = Result<Found, Self::Error>> + Send;

    /// Reads one record.
    ///
    /// # Errors
    /// When the store is unavailable. An unknown id is `None`.
    fn get(&self, id: RecordId)
    -> impl Future<Output = Result<Option<Record>, Self::Error>> + Send;
}

/// The outcome of writing one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was written.
    New(Record),
    /// A record with the same id and content was stored before; this is the stored record.
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

/// How a batch is handled when one of its records cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnInvalid {
    /// Write none.
    #[default]
    Refuse,
    /// Write the others.
    Skip,
}

/// The outcome of a batch. The three counts add up to its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Records that were written.
    pub created: u64,
    /// Records that were stored before with the same content, or are repeated in the batch.
    pub duplicates: u64,
    /// Records that could not be written, by index. Empty with [`OnInvalid::Refuse`].
    pub rejected: Vec<Rejected>,
}

/// One record of a batch that could not be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its index in the batch, from 0.
    pub index: usize,
    /// Stable code to match on.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub detail: String,
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The records of the page, in the order of the search.
    pub records: Vec<Record>,
    /// Whether more match before the first of them.
    pub has_previous: bool,
    /// Whether more match after the last of them.
    pub has_more: bool,
    /// The number of all matches, if the query requested it.
    pub total: Option<Total>,
    /// Where a search in text stopped, because its time was over before the page was full: the page has every
    /// match up to there, and the next one starts there. With [`Position::Before`](crate::Position::Before) that is
    /// before the first record, and the next one is the page before; otherwise it is after the last. Then
    /// `has_more` is set, or `has_previous`, though it is not known that more match. A remote service may repeat
    /// records of that time.
    pub searched_back_to: Option<Cursor>,
}
