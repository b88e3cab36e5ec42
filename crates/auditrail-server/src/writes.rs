//! The door through which records go to the database.

mod group;

use auditrail_core::{BatchOutcome, CreateInput, Created, OnInvalid, RecordedBy};
use auditrail_store::{ApiKeyVersion, StoreError, WriteError};
use futures_util::future::BoxFuture;

pub use group::GroupWrites;

/// Who writes records: the holder of an API key, or the service itself on its behalf.
#[derive(Clone, Debug, Default)]
pub struct WriteOrigin {
    /// The version that the key must still have at the commit; none if keys are not in the database.
    pub key: Option<ApiKeyVersion>,
    /// The writer that the records name; none for the database role of the service, which marks records
    /// that the service makes itself.
    pub recorded_by: Option<RecordedBy>,
}

/// Writes records; what it acknowledges is on disk.
///
/// The rules are those of [`AuditLogService`](auditrail_core::AuditLogService), as a trait that can be an object.
pub trait Writes: Send + Sync {
    /// Writes one record, if the key of the origin is still at its version.
    ///
    /// # Errors
    /// As [`create`](auditrail_core::AuditLogService::create) there, or because the writer is full, closed or without a database.
    fn create(
        &self,
        input: CreateInput,
        origin: WriteOrigin,
    ) -> BoxFuture<'_, Result<Created, WritesError>>;

    /// Writes many records, if the key of the origin is still at its version: with [`OnInvalid::Refuse`] in one transaction.
    ///
    /// # Errors
    /// As [`create_many`](auditrail_core::AuditLogService::create_many) there, or because the writer is full, closed or without a
    /// database.
    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        origin: WriteOrigin,
    ) -> BoxFuture<'_, Result<BatchOutcome, WritesError>>;
}

/// Why records were not written, or are not known to be.
#[derive(Debug, thiserror::Error)]
pub enum WritesError {
    /// The records or the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer that many callers share.
    #[error(transparent)]
    Writer(#[from] WriteError),
}

impl WritesError {
    /// Whether nothing was written because the API key is not what it was any more.
    #[must_use]
    pub const fn is_key_changed(&self) -> bool {
        matches!(self, Self::Writer(WriteError::KeyChanged))
    }
}
