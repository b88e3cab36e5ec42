//! Writes through the group commit of the store.

mod batch;

use std::time::Duration;

use auditrail_core::{
    BatchOutcome, CreateInput, Created, FieldError, OnInvalid, Record, RecordId, RecordTime,
};
use auditrail_store::{GroupWriter, PgAuditLog, StoreError, WriteError, WriteRequest};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{WriteOrigin, Writes, WritesError};
use crate::clock;

/// How often a record may disappear between the write that found its id taken and the read of it. Only
/// retention removes records, so even once is very unlikely.
const ATTEMPTS: usize = 3;

/// Passes the records of concurrent requests to one [`GroupWriter`], which writes them with one
/// commit.
#[derive(Clone, Debug)]
pub struct GroupWrites {
    writer: GroupWriter,
    log: PgAuditLog,
    commit_timeout: Duration,
}

impl GroupWrites {
    /// Writes with `writer`, and reads duplicates from `log`.
    ///
    /// `commit_timeout` is the timeout of a commit; a request that exceeds it fails with an error that asks
    /// the caller to retry with the same ids.
    #[must_use]
    pub const fn new(writer: GroupWriter, log: PgAuditLog, commit_timeout: Duration) -> Self {
        Self { writer, log, commit_timeout }
    }

    async fn one(&self, input: CreateInput, origin: WriteOrigin) -> Result<Created, WritesError> {
        let deadline = Instant::now() + self.commit_timeout;
        let provided = input.provided_fields();
        let record = into_record(0, input, &origin)?;
        for _ in 0..ATTEMPTS {
            let request = WriteRequest::one(record.clone(), provided).with_key(origin.key);
            match self.writer.write(request, deadline).await {
                Ok(outcome) if !outcome.created.is_empty() => return Ok(Created::New(record)),
                Ok(_) => {}
                Err(WriteError::Conflict { .. }) => break,
                Err(error) => return Err(error.into()),
            }
            // Boxed, because it is rare: its future is large, and would be moved with every request.
            let stored = Box::pin(self.log.get_many(std::slice::from_ref(&record.id))).await?;
            if let Some(stored) = stored.into_values().next() {
                return Ok(Created::Duplicate(stored));
            }
        }
        Err(StoreError::IdConflict { id: record.id }.into())
    }
}

impl Writes for GroupWrites {
    fn create(
        &self,
        input: CreateInput,
        origin: WriteOrigin,
    ) -> BoxFuture<'_, Result<Created, WritesError>> {
        Box::pin(self.one(input, origin))
    }

    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        origin: WriteOrigin,
    ) -> BoxFuture<'_, Result<BatchOutcome, WritesError>> {
        Box::pin(self.many(inputs, on_invalid, origin))
    }
}

/// Fills in a missing id and time, and the writer.
fn into_record(
    index: usize,
    input: CreateInput,
    origin: &WriteOrigin,
) -> Result<Record, StoreError> {
    let now = clock::now();
    if let Err(error) = input.check_time(now) {
        let error = FieldError::new("/created_at", &error);
        return Err(StoreError::Invalid { index, error });
    }
    let id = match input.id {
        Some(id) => id,
        None => fresh_id()?,
    };
    let record = input.into_record(id, RecordTime::from_stored_micros(now.as_microsecond()));
    Ok(Record { recorded_by: origin.recorded_by.clone(), ..record })
}

fn fresh_id() -> Result<RecordId, StoreError> {
    clock::record_id().map_err(|source| StoreError::NoRandomness { source })
}
