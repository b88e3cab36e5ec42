//! Writing what callers ask for, and telling a repetition from a conflict.

use std::collections::{HashMap, HashSet};

use auditrail_core::{
    BatchOutcome, CreateInput, Created, ErrorCode, FieldError, OnInvalid, Record, RecordId,
    Rejected,
};

use super::{Columns, get, insert};
use crate::db::Db;
use crate::error::StoreError;
use crate::ids;

/// How often a record may vanish between the moment its id was taken and the moment it is read.
///
/// Only retention removes records, so once is already hardly possible.
const ATTEMPTS: usize = 3;

/// Writes one record, or finds the one that a repeated call wrote before.
pub(super) async fn one(mut db: Db<'_>, input: CreateInput) -> Result<Created, StoreError> {
    let now = ids::now();
    if let Err(error) = input.check_time(now.timestamp()) {
        let error = FieldError::new("/created_at", &error);
        return Err(StoreError::Invalid { index: 0, error });
    }
    let record = input.clone().into_record(ids::fresh(now)?, now);
    for _ in 0..ATTEMPTS {
        if let Some(written) = insert::one(db.again(), &record).await? {
            return Ok(Created::New(written));
        }
        if let Some(stored) = get::by_id(db.again(), record.id).await? {
            return match input.matches_stored(&stored) {
                true => Ok(Created::Duplicate(stored)),
                false => Err(StoreError::IdConflict { id: record.id }),
            };
        }
    }
    Err(StoreError::IdConflict { id: record.id })
}

/// Writes many records; the caller commits, or drops the transaction after an error.
pub(super) async fn many(
    mut db: Db<'_>,
    inputs: &[CreateInput],
    on_invalid: OnInvalid,
) -> Result<BatchOutcome, StoreError> {
    let mut outcome = BatchOutcome::default();
    let batch = into_records(inputs, on_invalid, &mut outcome)?;
    let columns = Columns::of(batch.iter().map(|(_, record)| record));
    let written = insert::many(db.again(), &columns).await?;
    outcome.created = written.len() as u64;
    if written.len() == batch.len() {
        return Ok(outcome);
    }
    let mut written: HashSet<_> = written.into_iter().map(RecordId::from).collect();
    // The first record with a written id is the one that was written; the others were there.
    let there: Vec<_> = batch.iter().filter(|(_, record)| !written.remove(&record.id)).collect();
    let ids: Vec<_> = there.iter().map(|(_, r)| *r.id.as_uuid()).collect();
    let stored = get::by_ids(db, &ids).await?;
    for (index, record) in there {
        match is_repetition(&inputs[*index], record.id, &stored) {
            true => outcome.duplicates += 1,
            false if on_invalid == OnInvalid::Refuse => {
                return Err(StoreError::IdConflict { id: record.id });
            }
            false => outcome.rejected.push(Rejected {
                index: *index,
                code: ErrorCode::IdConflict,
                detail: StoreError::IdConflict { id: record.id }.to_string(),
            }),
        }
    }
    outcome.rejected.sort_by_key(|rejected| rejected.index);
    Ok(outcome)
}

fn is_repetition(input: &CreateInput, id: RecordId, stored: &HashMap<RecordId, Record>) -> bool {
    stored.get(&id).is_some_and(|record| input.matches_stored(record))
}

/// Gives each input its id and time, with its place; one with a time too far ahead is left out.
fn into_records(
    inputs: &[CreateInput],
    on_invalid: OnInvalid,
    outcome: &mut BatchOutcome,
) -> Result<Vec<(usize, Record)>, StoreError> {
    let now = ids::now();
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
        batch.push((index, input.clone().into_record(ids::fresh(now)?, now)));
    }
    Ok(batch)
}
