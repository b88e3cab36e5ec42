//! Batches in the group commit.

use std::sync::Arc;

use auditrail_core::{
    BatchOutcome, CreateInput, ErrorCode, OnInvalid, ProvidedFields, Record, Rejected,
};
use auditrail_store::{
    ApiKeyVersion, OnConflict, StoreError, WriteError, WriteOutcome, WriteRequest,
};
use tokio::time::Instant;

use super::{GroupWrites, into_record};
use crate::writes::{WriteOrigin, WritesError};

/// Most records of one batch that are rejected individually. Each costs a few transactions to isolate;
/// if the database refuses more, the whole rest of the batch fails with its error.
const REFUSED_MAX: usize = 100;

/// The records of a batch, which a retry shares and does not copy.
struct Batch {
    records: Arc<Vec<Record>>,
    /// For each record, its index in the request and the fields that the caller provided.
    inputs: Vec<(usize, ProvidedFields)>,
    /// The API key of the request.
    key: Option<ApiKeyVersion>,
}

impl GroupWrites {
    pub(super) async fn many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        origin: WriteOrigin,
    ) -> Result<BatchOutcome, WritesError> {
        let deadline = Instant::now() + self.commit_timeout;
        let mut outcome = BatchOutcome::default();
        let batch = Batch::new(inputs, on_invalid, &origin, &mut outcome)?;
        match on_invalid {
            OnInvalid::Refuse => self.all_or_nothing(batch, deadline, &mut outcome).await?,
            OnInvalid::Skip => self.skipping(batch, deadline, &mut outcome).await?,
        }
        outcome.rejected.sort_by_key(|rejected| rejected.index);
        Ok(outcome)
    }

    /// Writes all records or none.
    async fn all_or_nothing(
        &self,
        batch: Batch,
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        match self.writer.write(batch.request(OnConflict::Refuse), deadline).await {
            Ok(result) => {
                batch.add_to(outcome, &result);
                Ok(())
            }
            Err(WriteError::Conflict { conflicts }) if !conflicts.is_empty() => {
                let first = conflicts.iter().min().map_or(0, |index| *index);
                Err(StoreError::IdConflict { id: batch.records[first].id }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes every record it can. When the database refuses the batch, halves of it are tried until
    /// the refused record is alone.
    async fn skipping(
        &self,
        batch: Batch,
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let mut parts = vec![batch];
        let mut refused = 0;
        while let Some(part) = parts.pop() {
            match self.writer.write(part.request(OnConflict::Skip), deadline).await {
                Ok(result) => part.add_to(outcome, &result),
                Err(WriteError::Refused { .. }) if part.inputs.len() > 1 => {
                    let middle = part.inputs.len() / 2;
                    parts.push(part.slice(middle..part.inputs.len()));
                    parts.push(part.slice(0..middle));
                }
                Err(WriteError::Refused { source }) if refused < REFUSED_MAX => {
                    refused += 1;
                    let detail = source.to_string();
                    outcome.rejected.push(part.reject(0, ErrorCode::RejectedByDatabase, detail));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Batch {
    /// The records to write; with [`OnInvalid::Skip`] those with a time too far in the future are
    /// rejected.
    fn new(
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        origin: &WriteOrigin,
        outcome: &mut BatchOutcome,
    ) -> Result<Self, StoreError> {
        let mut records = Vec::with_capacity(inputs.len());
        let mut accepted = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.into_iter().enumerate() {
            let provided = input.provided_fields();
            match into_record(index, input, origin) {
                Ok(record) => {
                    records.push(record);
                    accepted.push((index, provided));
                }
                Err(StoreError::Invalid { error, .. }) if on_invalid == OnInvalid::Skip => {
                    let detail = error.to_string();
                    outcome.rejected.push(Rejected { index, code: error.code, detail });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Self { records: Arc::new(records), inputs: accepted, key: origin.key })
    }

    fn request(&self, on_conflict: OnConflict) -> WriteRequest {
        let provided = self.inputs.iter().map(|(_, provided)| *provided).collect();
        WriteRequest::new(Arc::clone(&self.records), provided, on_conflict).with_key(self.key)
    }

    /// Adds the outcome of the records to that of the request.
    fn add_to(&self, outcome: &mut BatchOutcome, result: &WriteOutcome) {
        outcome.created += result.created.len() as u64;
        outcome.duplicates += result.duplicates.len() as u64;
        outcome.rejected.extend(result.conflicts.iter().map(|index| {
            let conflict = StoreError::IdConflict { id: self.records[*index].id };
            self.reject(*index, ErrorCode::IdConflict, conflict.to_string())
        }));
    }

    fn reject(&self, index: usize, code: ErrorCode, detail: String) -> Rejected {
        Rejected { index: self.inputs[index].0, code, detail }
    }

    /// Some of the records. They are cloned, which only a batch with a refused record needs.
    fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            records: Arc::new(self.records[range.clone()].to_vec()),
            inputs: self.inputs[range].to_vec(),
            key: self.key,
        }
    }
}
