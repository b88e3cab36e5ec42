//! Writing together with other requests.

mod batch;

use std::time::Duration;

use auditrail_core::{
    BatchOutcome, CreateInput, Created, FieldError, OnInvalid, Record, RecordId, RecordTime,
};
use auditrail_store::{
    ApiKeyVersion, GroupWriter, PgAuditLog, StoreError, WriteError, WriteRequest,
};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{Writes, WritesError};
use crate::clock;

/// How often a record may vanish between the moment its id was taken and the moment it is read.
/// Only retention removes records, so once is already hardly possible.
const ATTEMPTS: usize = 3;

/// Gives the records of concurrent requests to one [`GroupWriter`], which writes them with one
/// commit.
///
/// The writer compares whole records. Here the fields that a caller left out are taken from the
/// comparison again, since the interface promises that they are not compared: what the writer calls
/// a conflict is looked at once more.
#[derive(Clone, Debug)]
pub struct GroupWrites {
    writer: GroupWriter,
    log: PgAuditLog,
    patience: Duration,
}

impl GroupWrites {
    /// Writes with `writer`, and reads what is stored under an id that is taken from `log`.
    ///
    /// `patience` is how long a request may wait for its commit; then it is refused, and the caller
    /// told to try again with the same ids.
    #[must_use]
    pub const fn new(writer: GroupWriter, log: PgAuditLog, patience: Duration) -> Self {
        Self { writer, log, patience }
    }

    async fn one(
        &self,
        input: CreateInput,
        key: Option<ApiKeyVersion>,
    ) -> Result<Created, WritesError> {
        let deadline = Instant::now() + self.patience;
        let time_given = input.created_at.is_some();
        let record = into_record(0, input.clone())?;
        for _ in 0..ATTEMPTS {
            let asked = WriteRequest::one(record.clone(), time_given).with_key(key);
            match self.writer.write(asked, deadline).await {
                Ok(outcome) if !outcome.created.is_empty() => return Ok(Created::New(record)),
                Ok(_) | Err(WriteError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            // Boxed, because it is rare: its future is large, and would be moved with every request.
            let stored = Box::pin(self.log.get_many(std::slice::from_ref(&record.id))).await?;
            if let Some(stored) = stored.into_values().next() {
                return match input.matches_stored(&stored) {
                    true => Ok(Created::Duplicate(stored)),
                    false => Err(StoreError::IdConflict { id: record.id }.into()),
                };
            }
        }
        Err(StoreError::IdConflict { id: record.id }.into())
    }
}

impl Writes for GroupWrites {
    fn create(
        &self,
        input: CreateInput,
        key: Option<ApiKeyVersion>,
    ) -> BoxFuture<'_, Result<Created, WritesError>> {
        Box::pin(self.one(input, key))
    }

    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        key: Option<ApiKeyVersion>,
    ) -> BoxFuture<'_, Result<BatchOutcome, WritesError>> {
        Box::pin(self.many(inputs, on_invalid, key))
    }
}

/// Gives an input an id and a time where it has none.
fn into_record(index: usize, input: CreateInput) -> Result<Record, StoreError> {
    let now = clock::now();
    if let Err(error) = input.check_time(now) {
        let error = FieldError::new("/created_at", &error);
        return Err(StoreError::Invalid { index, error });
    }
    let id = match input.id {
        Some(id) => id,
        None => fresh_id()?,
    };
    Ok(input.into_record(id, RecordTime::from_stored_micros(now.as_microsecond())))
}

fn fresh_id() -> Result<RecordId, StoreError> {
    clock::record_id().map_err(|source| StoreError::NoRandomness { source })
}
