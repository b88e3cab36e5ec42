//! A group in one transaction.

use std::collections::HashSet;

use auditrail_core::{Record, RecordId};
use pg_pipeline::Connection;

use super::request::WriteOutcome;
use super::sort::{Asked, Sorted, Verdict, sort};
use crate::api_keys::ApiKeyVersion;
use crate::api_keys::verify::{is_refusal, verify_sql};
use crate::bulk::{Copied, compare_sql, copy_in, read_comparison};
use crate::db::{Row, rows_of, run_together};
use crate::driver::from_pipeline;
use crate::error::StoreError;
use crate::records::{Columns, insert_many_sql, insert_single_sql, read_ids};
use crate::sql::Sql;

/// What writing a group led to.
#[derive(Debug)]
pub(super) enum Written {
    /// It is committed.
    Committed {
        /// One for each request.
        verdicts: Vec<Verdict>,
        /// Whether it was sorted, and what is new written by INSERT, because some of it may be there
        /// already.
        by_insert: bool,
        /// Whether COPY is of no use: the server refuses it under row-level security, and it does not
        /// say which records a trigger left out.
        copy_refused: bool,
    },
    /// Nothing is written: an API key of the group was revoked or changed meanwhile.
    KeyChanged,
}

/// Writes a group: by COPY, a single record by INSERT, and record by record where some are there already.
///
/// The API keys of the requests are verified in the same transaction.
///
/// Nothing of the group is kept after an error, but after [`StoreError::Unreachable`] it may have been
/// kept as a whole.
pub(super) async fn write(
    db: &mut Connection,
    group: &[Asked<'_>],
    mut copy_refused: bool,
) -> Result<Written, StoreError> {
    let mut group = group.to_vec();
    let keys = keys(&group);
    // What may be there already is looked for first: a COPY that fails leaves dead rows.
    let fresh = !group.iter().any(|asked| asked.sent);
    let single = single(&group);
    if let Some(record) = single.filter(|_| fresh)
        && insert_single(db, record, keys.first().copied()).await?
    {
        let verdicts = vec![Ok(WriteOutcome::all_created(1))];
        return Ok(Written::Committed { verdicts, by_insert: false, copy_refused });
    }
    if fresh && !copy_refused && single.is_none() {
        match copy_in(db, records(&group), &keys).await? {
            Copied::All => {
                let all = group.iter().map(|asked| asked.request.records.len());
                let verdicts = all.map(|records| Ok(WriteOutcome::all_created(records))).collect();
                return Ok(Written::Committed { verdicts, by_insert: false, copy_refused });
            }
            Copied::NoneForKey => return Ok(Written::KeyChanged),
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
    let inserted = insert(db, &group, &keys).await;
    if db.is_in_transaction() {
        run(db, &[Sql::new("rollback")], "roll back").await?;
    }
    Ok(match inserted? {
        Some((verdicts, left_out)) => {
            Written::Committed { verdicts, by_insert: true, copy_refused: copy_refused || left_out }
        }
        None => Written::KeyChanged,
    })
}

/// Writes a record that came alone, in one statement with the check of its key; `false` when its id is
/// there already or its key has changed.
async fn insert_single(
    db: &mut Connection,
    record: &Record,
    key: Option<ApiKeyVersion>,
) -> Result<bool, StoreError> {
    let replies = run_together(db, &[insert_single_sql(record, key)]).await.map_err(from_pipeline);
    let replies = replies.map_err(StoreError::while_trying_to("write a record"))?;
    Ok(replies.first().is_some_and(|reply| reply.affected == 1))
}

/// Looks which records are there, sorts, and writes what is new; `None` when a key has changed.
///
/// Another session may write one of the ids in between; then the group is sorted again. Each round
/// learns of at least one more id that is taken, so there is an end to it.
///
/// Also says whether a record was left out whose id cannot be seen: by a trigger, most likely, which
/// COPY would not report.
///
/// May leave a transaction open.
async fn insert(
    db: &mut Connection,
    group: &[Asked<'_>],
    keys: &[ApiKeyVersion],
) -> Result<Option<(Vec<Verdict>, bool)>, StoreError> {
    let all: Vec<&Record> = records(group).collect();
    let columns = Columns::of(all.iter().copied());
    let times = group.iter().flat_map(|asked| &asked.request.time_given);
    let time_given: Vec<bool> = times.copied().collect();
    let mut taken: HashSet<RecordId> = HashSet::new();
    loop {
        let verified = if keys.is_empty() { None } else { Some(verify_sql(keys)) };
        let compare = compare_sql(&columns, &time_given);
        let first: Vec<Sql> = verified.clone().into_iter().chain([compare]).collect();
        let Some(compared) = run(db, &first, "compare records").await? else { return Ok(None) };
        // A taken id that cannot be seen belongs to a record that this role must not see.
        let mut stored: Vec<Option<bool>> =
            all.iter().map(|record| taken.contains(&record.id).then_some(false)).collect();
        let mut unseen = taken.clone();
        for standing in read_comparison(&compared)? {
            unseen.remove(&all[standing.place].id);
            stored[standing.place] = Some(standing.same);
        }
        let Sorted { verdicts, new } = sort(group, &stored);
        if new.is_empty() {
            return Ok(Some((verdicts, !unseen.is_empty())));
        }
        let new: Vec<&Record> = new.into_iter().map(|place| all[place]).collect();
        let insert = insert_many_sql(&Columns::of(new.iter().copied()));
        let rows = run(db, &[Sql::new("begin"), insert], "write records").await?;
        let written = read_ids(&rows.unwrap_or_default())?;
        if written.len() == new.len() {
            let last: Vec<Sql> = verified.into_iter().chain([Sql::new("commit")]).collect();
            let committed = run(db, &last, "commit").await?;
            return Ok(committed.map(|_| (verdicts, !unseen.is_empty())));
        }
        run(db, &[Sql::new("rollback")], "roll back").await?;
        let written: HashSet<RecordId> = written.into_iter().map(RecordId::from).collect();
        let others = new.iter().map(|record| record.id).filter(|id| !written.contains(id));
        taken.extend(others);
    }
}

/// Runs statements in one exchange and returns the rows of the last; `None` when one that verifies keys
/// failed.
async fn run(
    db: &mut Connection,
    statements: &[Sql],
    doing: &'static str,
) -> Result<Option<Vec<Row>>, StoreError> {
    match run_together(db, statements).await {
        Ok(mut replies) => Ok(Some(replies.pop().map(rows_of).unwrap_or_default())),
        Err(failed) if is_refusal(&failed, statements) => Ok(None),
        Err(failed) => Err(StoreError::while_trying_to(doing)(from_pipeline(failed))),
    }
}

/// The keys that the requests came with, each once.
fn keys(group: &[Asked<'_>]) -> Vec<ApiKeyVersion> {
    let mut keys: Vec<ApiKeyVersion> = Vec::new();
    let mut seen = HashSet::new();
    keys.extend(group.iter().filter_map(|asked| asked.request.key).filter(|key| seen.insert(*key)));
    keys
}

fn single<'a>(group: &[Asked<'a>]) -> Option<&'a Record> {
    let mut records = records(group);
    records.next().filter(|_| records.next().is_none())
}

fn records<'a>(group: &[Asked<'a>]) -> impl Iterator<Item = &'a Record> {
    group.iter().flat_map(|asked| asked.request.records.iter())
}
