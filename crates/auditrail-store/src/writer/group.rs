//! A group in one transaction.

use std::collections::HashSet;

use auditrail_core::{Record, RecordId};
use bytes::BytesMut;
use sqlx::{Connection, PgConnection};

use super::request::WriteOutcome;
use super::sort::{Asked, Sorted, Verdict, sort};
use crate::bulk::{Copied, compare, copy_in};
use crate::error::StoreError;
use crate::records::{Columns, insert_many};

/// What became of a group.
#[derive(Debug)]
pub(super) struct Written {
    /// One for each request.
    pub(super) verdicts: Vec<Verdict>,
    /// Whether it was sorted, and what is new written by INSERT, because some of it may be there already.
    pub(super) by_insert: bool,
    /// Whether COPY is of no use: the server refuses it under row-level security, and it does not
    /// tell which records a trigger left out.
    pub(super) copy_refused: bool,
}

/// Writes a group: by COPY, a single record by INSERT, and record by record where some are there already.
///
/// Nothing of the group is kept after an error, but after [`StoreError::Unreachable`] it may have been
/// kept as a whole.
pub(super) async fn write(
    db: &mut PgConnection,
    buffer: &mut BytesMut,
    group: &[Asked<'_>],
    mut copy_refused: bool,
) -> Result<Written, StoreError> {
    let mut group = group.to_vec();
    // What may be there already is looked for first: a COPY that fails leaves dead rows.
    let fresh = !group.iter().any(|asked| asked.sent);
    if fresh && insert_single(db, &group).await? {
        let verdicts = vec![Ok(WriteOutcome::all_created(1))];
        return Ok(Written { verdicts, by_insert: false, copy_refused });
    }
    if fresh && !copy_refused && !is_single(&group) {
        match copy_in(db, buffer, records(&group)).await? {
            Copied::All => {
                let all = group.iter().map(|asked| asked.request.records.len());
                let verdicts = all.map(|records| Ok(WriteOutcome::all_created(records))).collect();
                return Ok(Written { verdicts, by_insert: false, copy_refused });
            }
            Copied::NoneForDuplicate => {}
            Copied::NoneForPolicy => copy_refused = true,
            // What is there now is our own. An INSERT tells what triggers leave out, so such a record
            // is not acknowledged, and from here on every group goes that way. (This one group is
            // committed, also the part of a request with such a record that was not left out.)
            Copied::Fewer { .. } => {
                copy_refused = true;
                group.iter_mut().for_each(|asked| asked.sent = true);
            }
        }
    }
    let (verdicts, left_out) = insert(db, &group).await?;
    Ok(Written { verdicts, by_insert: true, copy_refused: copy_refused || left_out })
}

/// Writes a record that came alone, and says whether it did: not when its id is there already, and not
/// when there are more. A COPY is two questions to the server, the second only after the answer to the
/// first; a prepared INSERT is one, which somebody who writes one record at a time waits less for.
async fn insert_single(db: &mut PgConnection, group: &[Asked<'_>]) -> Result<bool, StoreError> {
    if !is_single(group) {
        return Ok(false);
    }
    let written = insert_many(db, &Columns::of(records(group))).await?;
    Ok(written.len() == 1)
}

fn is_single(group: &[Asked<'_>]) -> bool {
    records(group).take(2).count() == 1
}

/// Looks which records are there, sorts, and writes what is new.
///
/// Another session may write one of the ids in between; then the group is sorted again. Each round
/// learns of at least one more id that is taken, so there is an end to it.
///
/// Also says whether a record was left out whose id nobody sees: by a trigger, most likely, of which COPY
/// would not tell.
async fn insert(
    db: &mut PgConnection,
    group: &[Asked<'_>],
) -> Result<(Vec<Verdict>, bool), StoreError> {
    let all: Vec<&Record> = records(group).collect();
    let columns = Columns::of(all.iter().copied());
    let times = group.iter().flat_map(|asked| &asked.request.time_given);
    let time_given: Vec<bool> = times.copied().collect();
    let mut taken: HashSet<RecordId> = HashSet::new();
    loop {
        let begun = db.begin().await;
        let mut tx = begun.map_err(StoreError::while_trying_to("start a transaction"))?;
        // A taken id that cannot be seen belongs to a record that this role must not see.
        let mut stored: Vec<Option<bool>> =
            all.iter().map(|record| taken.contains(&record.id).then_some(false)).collect();
        let mut unseen = taken.clone();
        for standing in compare(&mut tx, &columns, &time_given).await? {
            unseen.remove(&all[standing.place].id);
            stored[standing.place] = Some(standing.same);
        }
        let Sorted { verdicts, new } = sort(group, &stored);
        let new: Vec<&Record> = new.into_iter().map(|place| all[place]).collect();
        let written = match new.is_empty() {
            true => Vec::new(),
            false => insert_many(&mut tx, &Columns::of(new.iter().copied())).await?,
        };
        if written.len() == new.len() {
            let ended = tx.commit().await;
            ended.map_err(StoreError::while_trying_to("commit"))?;
            return Ok((verdicts, !unseen.is_empty()));
        }
        let ended = tx.rollback().await;
        ended.map_err(StoreError::while_trying_to("roll back"))?;
        let written: HashSet<RecordId> = written.into_iter().map(RecordId::from).collect();
        let others = new.iter().map(|record| record.id).filter(|id| !written.contains(id));
        taken.extend(others);
    }
}

fn records<'a>(group: &[Asked<'a>]) -> impl Iterator<Item = &'a Record> {
    group.iter().flat_map(|asked| asked.request.records.iter())
}
