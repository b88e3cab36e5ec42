//! What may go wrong.

use std::error::Error;

/// Why a record was not written. `E` is the error of the driver.
///
/// But for [`Unreadable`](Self::Unreadable) the transaction cannot go on: PostgreSQL refuses whatever
/// comes next until it is rolled back, or the savepoint that was made before.
#[derive(Debug, thiserror::Error)]
pub enum RecordInError<E: Error + 'static> {
    /// Use another id, or find out who uses the same one.
    #[error("another record has this id")]
    IdConflict(#[source] E),
    /// The time is too far in the future for the clock of the database, which a
    /// [`CreateInput`](auditrail_core::CreateInput) is not checked for; or the database is older or
    /// younger than this crate and has other rules. The source says which field is wrong.
    #[error("the database refused the record")]
    Refused(#[source] E),
    /// The transaction failed. Roll it back, and try it again if the source says that helps.
    #[error("could not write the audit record in this transaction")]
    Database(#[source] E),
    /// The record was written and its text makes no sense to this version.
    #[error("could not read the audit record")]
    Unreadable(#[source] serde_json::Error),
}
