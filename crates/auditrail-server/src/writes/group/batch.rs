//! A batch among the requests that are written together.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use auditrail_core::{BatchOutcome, CreateInput, ErrorCode, OnInvalid, Record, RecordId, Rejected};
use auditrail_store::{OnConflict, StoreError, WriteError, WriteRequest};
use tokio::time::Instant;

use super::{ATTEMPTS, GroupWrites, into_record};
use crate::writes::WritesError;

/// Records of one batch that the database may refuse one by one. Each costs a few transactions to
/// find; a rule that refuses more than these refuses what this caller sends, and is told as an error.
const REFUSED_MAX: usize = 100;
/// How many records are read at once to be compared.
const READ_BACK: usize = 250;

/// A record of the batch, with its place and with what the caller said of it.
struct Entry {
    index: usize,
    input: CreateInput,
    record: Record,
}

impl GroupWrites {
    pub(super) async fn many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> Result<BatchOutcome, WritesError> {
        let deadline = Instant::now() + self.patience;
        let mut outcome = BatchOutcome::default();
        let batch = entries(inputs, on_invalid, &mut outcome)?;
        match on_invalid {
            OnInvalid::Refuse => self.all(batch, deadline, &mut outcome).await?,
            OnInvalid::Skip => self.good(&batch, deadline, &mut outcome).await?,
        }
        outcome.rejected.sort_by_key(|rejected| rejected.index);
        Ok(outcome)
    }

    /// Writes all or none. Records that the writer takes for conflicts, and that repeat what is
    /// stored, are left out and the rest is tried again.
    async fn all(
        &self,
        mut batch: Vec<Entry>,
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let mut attempt = 1;
        loop {
            let asked = request(&batch, OnConflict::Refuse);
            let conflicts = match self.writer.write(asked, deadline).await {
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
                return Err(StoreError::IdConflict { id: batch[*place].record.id }.into());
            }
            outcome.duplicates += conflicts.len() as u64;
            let conflicts: HashSet<_> = conflicts.into_iter().collect();
            let mut place = 0..;
            batch.retain(|_| place.next().is_none_or(|place| !conflicts.contains(&place)));
            attempt += 1;
        }
    }

    /// Writes what can be written. Where the database refuses, halves of the batch are tried until
    /// the record it refuses is alone.
    async fn good(
        &self,
        batch: &[Entry],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let whole: Range<usize> = 0..batch.len();
        let mut parts = vec![whole];
        let mut refused = 0;
        while let Some(part) = parts.pop() {
            let entries = &batch[part.clone()];
            let asked = request(entries, OnConflict::Skip);
            match self.writer.write(asked, deadline).await {
                Ok(written) => {
                    outcome.created += written.created.len() as u64;
                    outcome.duplicates += written.duplicates.len() as u64;
                    self.sort_conflicts(entries, &written.conflicts, outcome).await?;
                }
                Err(WriteError::Refused { .. }) if part.len() > 1 => {
                    let [first, second] = halves(&part);
                    parts.extend([second, first]);
                }
                Err(WriteError::Refused { source }) if refused < REFUSED_MAX => {
                    refused += 1;
                    outcome.rejected.push(Rejected {
                        index: entries[0].index,
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
        entries: &[Entry],
        conflicts: &[usize],
        outcome: &mut BatchOutcome,
    ) -> Result<(), WritesError> {
        let foreign = self.foreign(entries, conflicts).await?;
        outcome.duplicates += (conflicts.len() - foreign.len()) as u64;
        outcome.rejected.extend(foreign.into_iter().map(|place| Rejected {
            index: entries[place].index,
            code: ErrorCode::IdConflict,
            detail: StoreError::IdConflict { id: entries[place].record.id }.to_string(),
        }));
        Ok(())
    }

    /// Those of the conflicts that are no repetition, of what is stored or of an earlier record of
    /// the batch.
    async fn foreign(
        &self,
        batch: &[Entry],
        conflicts: &[usize],
    ) -> Result<Vec<usize>, WritesError> {
        if conflicts.is_empty() {
            return Ok(Vec::new());
        }
        let mut stored: HashMap<RecordId, Record> = HashMap::new();
        let ids: Vec<_> = conflicts.iter().map(|place| batch[*place].record.id).collect();
        for chunk in ids.chunks(READ_BACK) {
            stored.extend(self.log.get_many(chunk).await?);
        }
        let mut first: HashMap<RecordId, usize> = HashMap::new();
        for (place, entry) in batch.iter().enumerate() {
            first.entry(entry.record.id).or_insert(place);
        }
        let is_foreign = |place: &usize| {
            let Entry { input, record, .. } = &batch[*place];
            // A record is no repetition of itself: what it conflicted with has vanished.
            let earlier = first.get(&record.id).filter(|earlier| *earlier != place);
            let earlier = earlier.map(|earlier| &batch[*earlier].record);
            !stored.get(&record.id).or(earlier).is_some_and(|holder| input.is_held_by(holder))
        };
        Ok(conflicts.iter().copied().filter(is_foreign).collect())
    }
}

/// The records to write; with [`OnInvalid::Skip`] those with a time too far ahead are left out.
fn entries(
    inputs: Vec<CreateInput>,
    on_invalid: OnInvalid,
    outcome: &mut BatchOutcome,
) -> Result<Vec<Entry>, StoreError> {
    let mut batch = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        match into_record(index, input.clone()) {
            Ok(record) => batch.push(Entry { index, input, record }),
            Err(StoreError::Invalid { error, .. }) if on_invalid == OnInvalid::Skip => {
                let (code, detail) = (error.code, error.to_string());
                outcome.rejected.push(Rejected { index, code, detail });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(batch)
}

fn request(entries: &[Entry], on_conflict: OnConflict) -> WriteRequest {
    let records = entries.iter().map(|entry| entry.record.clone()).collect();
    let time_given = entries.iter().map(|entry| entry.input.created_at.is_some()).collect();
    WriteRequest::new(records, time_given, on_conflict)
}

fn halves(part: &Range<usize>) -> [Range<usize>; 2] {
    let middle = part.start + part.len() / 2;
    [part.start..middle, middle..part.end]
}
