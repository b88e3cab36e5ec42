//! The door through which records go to the database.

mod group;

use auditrail_core::{BatchOutcome, CreateInput, Created, OnInvalid};
use auditrail_store::{ApiKeyVersion, StoreError, WriteError};
use futures_util::future::BoxFuture;

pub use group::GroupWrites;

/// Writes records; what it acknowledges is on disk.
///
/// The rules are those of [`AuditLogService`](auditrail_core::AuditLogService), as a trait that can be an object.
pub trait Writes: Send + Sync {
    /// Writes one record, if the key is still at its version.
    ///
    /// # Errors
    /// As [`create`](auditrail_core::AuditLogService::create) there, or because the writer is full, closed or without a database.
    fn create(
        &self,
        input: CreateInput,
        key: Option<ApiKeyVersion>,
    ) -> BoxFuture<'_, Result<Created, WritesError>>;

    /// Writes many records, if the key is still at its version: with [`OnInvalid::Refuse`] in one transaction.
    ///
    /// # Errors
    /// As [`create_many`](auditrail_core::AuditLogService::create_many) there, or because the writer is full, closed or without a
    /// database.
    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        key: Option<ApiKeyVersion>,
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
