//! Writes the inputs of callers, and distinguishes repeated requests from conflicts.

use std::collections::HashSet;

use auditrail_core::{
    BatchOutcome, CreateInput, Created, ErrorCode, FieldError, OnInvalid, Record, RecordId,
    Rejected,
};

use super::INSERT_ATTEMPTS;
use super::insert::{self, Columns};
use crate::clock;
use crate::db::Db;
use crate::error::StoreError;
use crate::records::read::get;

/// Writes one record, or returns the record of an earlier call with the same input.
pub(in crate::records) async fn one(
    mut db: Db<'_>,
    input: CreateInput,
) -> Result<Created, StoreError> {
    let now = clock::now();
    if let Err(error) = input.check_time(now.timestamp()) {
        let error = FieldError::new("/created_at", &error);
        return Err(StoreError::Invalid { index: 0, error });
    }
    let record = input.clone().into_record(clock::new_id(now)?, now);
    for _ in 0..INSERT_ATTEMPTS {
        if let Some(record) = insert::one(db.again(), &record).await? {
            return Ok(Created::New(record));
        }
        if let Some(stored) = get::by_id(db.again(), record.id).await? {
            return if input.matches_stored(&stored) {
                Ok(Created::Duplicate(stored))
            } else {
                Err(StoreError::IdConflict { id: record.id })
            };
        }
    }
    Err(StoreError::IdConflict { id: record.id })
}

/// Writes many records; the caller commits, or drops the transaction after an error.
pub(in crate::records) async fn many(
    mut db: Db<'_>,
    inputs: &[CreateInput],
    on_invalid: OnInvalid,
) -> Result<BatchOutcome, StoreError> {
    let mut outcome = BatchOutcome::default();
    let batch = into_records(inputs, on_invalid, &mut outcome)?;
    let mut remaining: Vec<_> = batch.iter().collect();
    for _ in 0..INSERT_ATTEMPTS {
        if remaining.is_empty() {
            break;
        }
        let columns = Columns::of(remaining.iter().map(|(_, record)| record));
        let mut inserted_ids: HashSet<_> =
            insert::many(db.again(), &columns).await?.into_iter().map(RecordId::from).collect();
        outcome.created += inserted_ids.len() as u64;
        // Of several records with an inserted id the first was written; the others repeat it.
        remaining.retain(|(_, record)| !inserted_ids.remove(&record.id));
        if remaining.is_empty() {
            break;
        }
        let ids: Vec<_> = remaining.iter().map(|(_, record)| *record.id.as_uuid()).collect();
        let stored = get::by_ids(db.again(), &ids).await?;
        let mut vanished = Vec::new();
        for skipped in remaining {
            let (index, record) = skipped;
            match stored.get(&record.id) {
                None => vanished.push(skipped),
                Some(stored) if inputs[*index].matches_stored(stored) => outcome.duplicates += 1,
                Some(_) => add_conflict(&mut outcome, *index, record.id, on_invalid)?,
            }
        }
        remaining = vanished;
    }
    for (index, record) in remaining {
        add_conflict(&mut outcome, *index, record.id, on_invalid)?;
    }
    outcome.rejected.sort_by_key(|rejected| rejected.index);
    Ok(outcome)
}

/// Rejects one input whose id is taken, or the whole batch.
fn add_conflict(
    outcome: &mut BatchOutcome,
    index: usize,
    id: RecordId,
    on_invalid: OnInvalid,
) -> Result<(), StoreError> {
    let conflict = StoreError::IdConflict { id };
    if on_invalid == OnInvalid::Refuse {
        return Err(conflict);
    }
    let detail = conflict.to_string();
    outcome.rejected.push(Rejected { index, code: ErrorCode::IdConflict, detail });
    Ok(())
}

/// Fills in missing ids and times. An input with a time too far in the future is rejected.
fn into_records(
    inputs: &[CreateInput],
    on_invalid: OnInvalid,
    outcome: &mut BatchOutcome,
) -> Result<Vec<(usize, Record)>, StoreError> {
    let now = clock::now();
    let mut batch = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        if let Err(error) = input.check_time(now.timestamp()) {
            let error = FieldError::new("/created_at", &error);
            if on_invalid == OnInvalid::Refuse {
                return Err(StoreError::Invalid { index, error });
            }
            outcome.rejected.push(Rejected { index, code: error.code, detail: error.to_string() });
            continue;
        }
        batch.push((index, input.clone().into_record(clock::new_id(now)?, now)));
    }
    Ok(batch)
}
