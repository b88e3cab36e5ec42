//! Writes the inputs of callers, and distinguishes repeated requests from conflicts.

use std::collections::{HashMap, HashSet};

use auditrail_core::{
    BatchOutcome, CreateInput, Created, ErrorCode, FieldError, OnInvalid, Record, RecordId,
    Rejected,
};

use super::insert::{self, Columns};
use crate::clock;
use crate::db::Db;
use crate::error::StoreError;
use crate::records::read::get;

/// How often a record may disappear between the INSERT that found its id taken and the read of it. Only
/// retention removes records, so even once is very unlikely.
const ATTEMPTS: usize = 3;

/// Writes one record, or finds the record of an earlier call with the same input.
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
    for _ in 0..ATTEMPTS {
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
    let columns = Columns::of(batch.iter().map(|(_, record)| record));
    let inserted_ids = insert::many(db.again(), &columns).await?;
    outcome.created = inserted_ids.len() as u64;
    if inserted_ids.len() == batch.len() {
        return Ok(outcome);
    }
    let mut inserted_ids: HashSet<_> = inserted_ids.into_iter().map(RecordId::from).collect();
    // Of several records with an inserted id the first was written; the others repeat it.
    let skipped: Vec<_> =
        batch.iter().filter(|(_, record)| !inserted_ids.remove(&record.id)).collect();
    let ids: Vec<_> = skipped.iter().map(|(_, r)| *r.id.as_uuid()).collect();
    let stored = get::by_ids(db, &ids).await?;
    for (index, record) in skipped {
        let conflict = StoreError::IdConflict { id: record.id };
        if is_duplicate(&inputs[*index], record.id, &stored) {
            outcome.duplicates += 1;
        } else if on_invalid == OnInvalid::Refuse {
            return Err(conflict);
        } else {
            outcome.rejected.push(Rejected {
                index: *index,
                code: ErrorCode::IdConflict,
                detail: conflict.to_string(),
            });
        }
    }
    outcome.rejected.sort_by_key(|rejected| rejected.index);
    Ok(outcome)
}

fn is_duplicate(input: &CreateInput, id: RecordId, stored: &HashMap<RecordId, Record>) -> bool {
    stored.get(&id).is_some_and(|record| input.matches_stored(record))
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
