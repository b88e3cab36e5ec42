//! The door through which records go to the database.

use auditrail_core::{AuditLogService, BatchOutcome, CreateInput, Created, OnInvalid};
use auditrail_store::{PgAuditLog, StoreError};
use futures_util::future::BoxFuture;

/// Writes records; what it acknowledges is on disk.
///
/// The rules are those of [`AuditLogService`], as a trait that can be an object.
pub trait Writes: Send + Sync {
    /// Writes one record.
    ///
    /// # Errors
    /// As [`AuditLogService::create`].
    fn create(&self, input: CreateInput) -> BoxFuture<'_, Result<Created, StoreError>>;

    /// Writes many records in one transaction.
    ///
    /// # Errors
    /// As [`AuditLogService::create_many`].
    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> BoxFuture<'_, Result<BatchOutcome, StoreError>>;
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
    fn create(&self, input: CreateInput) -> BoxFuture<'_, Result<Created, StoreError>> {
        Box::pin(self.log.create(input))
    }

    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        Box::pin(self.log.create_many(inputs, on_invalid))
    }
}
