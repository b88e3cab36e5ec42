//! Errors.

use std::error::Error;
use std::fmt;

/// A record could not be written. `E` is the error of the driver.
///
/// Except after [`Unreadable`](Self::Unreadable), the transaction is aborted: PostgreSQL rejects further statements
/// until it is rolled back, at least to an earlier savepoint.
#[derive(thiserror::Error)]
pub enum RecordInError<E: Error + 'static> {
    /// The id belongs to a record with other content.
    #[error("another record has this id")]
    IdConflict(#[source] E),
    /// The database rejected the record. Its time is too far in the future of the database clock, which
    /// [`CreateInput`](auditrail_core::CreateInput) does not check, or the rules of the database version differ.
    /// The source lists the invalid fields.
    #[error("the database rejected the record")]
    Refused(#[source] E),
    /// The transaction failed. Roll it back, and retry it if the source is transient.
    #[error("could not write the audit record in this transaction")]
    Database(#[source] E),
    /// The record was written, but this version cannot parse the result.
    #[error("could not read the audit record")]
    Unreadable(#[source] serde_json::Error),
}

/// The messages of the error and its sources.
impl<E: Error + 'static> fmt::Debug for RecordInError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        auditrail_core::write_messages(self, f)
    }
}
