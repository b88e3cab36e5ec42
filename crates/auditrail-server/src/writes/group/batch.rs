//! A batch among the requests that are written together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use auditrail_core::{
    BatchOutcome, CreateInput, ErrorCode, OnInvalid, ProvidedFields, Record, RecordId, Rejected,
};
use auditrail_store::{ApiKeyVersion, OnConflict, StoreError, WriteError, WriteRequest};
use tokio::time::Instant;

use super::{ATTEMPTS, GroupWrites, into_record};
use crate::writes::WritesError;

/// Records of one batch that the database may refuse one by one. Each costs a few transactions to
/// find; a rule that refuses more than these refuses what this caller sends, and is told as an error.
const REFUSED_MAX: usize = 100;
/// How many records are read at once to be compared.
const READ_BACK: usize = 250;

/// The records of a batch, which are asked for without being copied, and what the caller said.
struct Asked {
    records: Arc<Vec<Record>>,
    said: Vec<Said>,
    /// The API key that the batch came with.
    key: Option<ApiKeyVersion>,
}

/// What a record does not tell of what the caller said.
#[derive(Clone, Copy)]
struct Said {
    /// Its place in the batch.
    index: usize,
    provided: ProvidedFields,
}

impl GroupWrites {
    pub(super) async fn many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        key: Option<ApiKeyVersion>,
    ) -> Result<BatchOutcome, WritesError> {
        let deadline = Instant::now() + self.patience;
        let mut outcome = BatchOutcome::default();
        let batch = Asked::new(inputs, on_invalid, key, &mut outcome)?;
        match on_invalid {
            OnInvalid::Refuse => self.all(batch, deadline, &mut outcome).await?,
            OnInvalid::Skip => self.good(batch, deadline, &mut outcome).await?,
        }
        outcome.rejected.sort_by_key(|rejected| rejected.index);
        Ok(outcome)
    }

    /// Writes all or none. Records that the writer takes for conflicts, and that repeat what is
    /// stored, are left out and the rest is tried again.
    async fn all(
        &self,
        mut batch: Asked,
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let mut attempt = 1;
        loop {
            let request = batch.request(OnConflict::Refuse);
            let conflicts = match self.writer.write(request, deadline).await {
                Ok(written) => {
                    outcome.created += written.created.len() as u64;
                    outcome.duplicates += written.duplicates.len() as u64;
                    return Ok(());
                }
                Err(WriteError::Conflict { conflicts }) => conflicts,
                Err(error) => return Err(error.into()),
            };
            // After some attempts others must be writing and removing records with these ids.
            let mut foreign = self.foreign(&batch, &conflicts).await?;
            foreign.extend(conflicts.first().filter(|_| attempt == ATTEMPTS));
            if let Some(place) = foreign.iter().min() {
                return Err(StoreError::IdConflict { id: batch.records[*place].id }.into());
            }
            outcome.duplicates += conflicts.len() as u64;
            let conflicts: HashSet<_> = conflicts.into_iter().collect();
            batch = batch.only((0..batch.said.len()).filter(|place| !conflicts.contains(place)));
            attempt += 1;
        }
    }

    /// Writes what can be written. Where the database refuses, halves of the batch are tried until
    /// the record it refuses is alone.
    async fn good(
        &self,
        batch: Asked,
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let mut parts = vec![batch];
        let mut refused = 0;
        while let Some(part) = parts.pop() {
            match self.writer.write(part.request(OnConflict::Skip), deadline).await {
                Ok(written) => {
                    outcome.created += written.created.len() as u64;
                    outcome.duplicates += written.duplicates.len() as u64;
                    self.sort_conflicts(&part, &written.conflicts, outcome).await?;
                }
                Err(WriteError::Refused { .. }) if part.said.len() > 1 => {
                    let middle = part.said.len() / 2;
                    parts.push(part.only(middle..part.said.len()));
                    parts.push(part.only(0..middle));
                }
                Err(WriteError::Refused { source }) if refused < REFUSED_MAX => {
                    refused += 1;
                    outcome.rejected.push(Rejected {
                        index: part.said[0].index,
                        code: ErrorCode::RejectedByDatabase,
                        detail: source.to_string(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Tells repetitions among the conflicts of a part that was written.
    async fn sort_conflicts(
        &self,
        part: &Asked,
        conflicts: &[usize],
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let foreign = self.foreign(part, conflicts).await?;
        outcome.duplicates += (conflicts.len() - foreign.len()) as u64;
        outcome.rejected.extend(foreign.into_iter().map(|place| Rejected {
            index: part.said[place].index,
            code: ErrorCode::IdConflict,
            detail: StoreError::IdConflict { id: part.records[place].id }.to_string(),
        }));
        Ok(())
    }

    /// Those of the conflicts that are no repetition, of what is stored or of an earlier record of
    /// the batch.
    async fn foreign(&self, batch: &Asked, conflicts: &[usize]) -> Result<Vec<usize>, WritesError> {
        if conflicts.is_empty() {
            return Ok(Vec::new());
        }
        let mut stored: HashMap<RecordId, Record> = HashMap::new();
        let ids: Vec<_> = conflicts.iter().map(|place| batch.records[*place].id).collect();
        for chunk in ids.chunks(READ_BACK) {
            stored.extend(Box::pin(self.log.get_many(chunk)).await?);
        }
        let mut first: HashMap<RecordId, usize> = HashMap::new();
        for (place, record) in batch.records.iter().enumerate() {
            first.entry(record.id).or_insert(place);
        }
        let is_foreign = |place: &usize| {
            let (record, said) = (&batch.records[*place], batch.said[*place]);
            // A record is no repetition of itself: what it conflicted with has vanished.
            let earlier = first.get(&record.id).filter(|earlier| *earlier != place);
            let earlier = earlier.map(|earlier| &batch.records[*earlier]);
            !stored
                .get(&record.id)
                .or(earlier)
                .is_some_and(|holder| said.provided.matches_stored(record, holder))
        };
        Ok(conflicts.iter().copied().filter(is_foreign).collect())
    }
}

impl Asked {
    /// The records to write; with [`OnInvalid::Skip`] those with a time too far ahead are left out.
    fn new(
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        key: Option<ApiKeyVersion>,
        outcome: &mut BatchOutcome,
    ) -> Result<Self, StoreError> {
        let (mut records, mut said) = (Vec::with_capacity(inputs.len()), Vec::new());
        for (index, input) in inputs.into_iter().enumerate() {
            let provided = input.provided_fields();
            match into_record(index, input) {
                Ok(record) => {
                    records.push(record);
                    said.push(Said { index, provided });
                }
                Err(StoreError::Invalid { error, .. }) if on_invalid == OnInvalid::Skip => {
                    let (code, detail) = (error.code, error.to_string());
                    outcome.rejected.push(Rejected { index, code, detail });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Self { records: Arc::new(records), said, key })
    }

    fn request(&self, on_conflict: OnConflict) -> WriteRequest {
        let time_given = self.said.iter().map(|said| said.provided.created_at).collect();
        WriteRequest::new(Arc::clone(&self.records), time_given, on_conflict).with_key(self.key)
    }

    /// The records at these places. They are copied, which only a batch with a bad record pays for.
    fn only(&self, places: impl Iterator<Item = usize> + Clone) -> Self {
        let records: Vec<_> = places.clone().map(|place| self.records[place].clone()).collect();
        let said = places.map(|place| self.said[place]).collect();
        Self { records: Arc::new(records), said, key: self.key }
    }
}
