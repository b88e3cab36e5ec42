//! The door through which records go to the database.

mod group;

use auditrail_core::{AuditLogService, BatchOutcome, CreateInput, Created, OnInvalid};
use auditrail_store::{PgAuditLog, StoreError, WriteError};
use futures_util::future::BoxFuture;

pub use group::GroupWrites;

/// Writes records; what it acknowledges is on disk.
///
/// The rules are those of [`AuditLogService`], as a trait that can be an object.
pub trait Writes: Send + Sync {
    /// Writes one record.
    ///
    /// # Errors
    /// As [`AuditLogService::create`], or because the writer is full, closed or without a database.
    fn create(&self, input: CreateInput) -> BoxFuture<'_, Result<Created, WritesError>>;

    /// Writes many records: with [`OnInvalid::Refuse`] in one transaction.
    ///
    /// # Errors
    /// As [`AuditLogService::create_many`], or because the writer is full, closed or without a
    /// database.
    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
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

/// Writes each request in a transaction of its own, over the pool that reads use too.
#[derive(Clone, Debug)]
pub struct DirectWrites {
    log: PgAuditLog,
}

impl DirectWrites {
    /// Writes to this log.
    #[must_use]
    pub const fn new(log: PgAuditLog) -> Self {
        Self { log }
    }
}

impl Writes for DirectWrites {
    fn create(&self, input: CreateInput) -> BoxFuture<'_, Result<Created, WritesError>> {
        Box::pin(async { Ok(self.log.create(input).await?) })
    }

    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> BoxFuture<'_, Result<BatchOutcome, WritesError>> {
        Box::pin(async move { Ok(self.log.create_many(inputs, on_invalid).await?) })
    }
}
