//! Writes a group in one transaction.

use std::collections::{HashMap, HashSet};

use auditrail_core::{ProvidedFields, Record, RecordId};
use pg_pipeline::Connection;

use super::classify::{Attempt, Classified, Verdict, classify};
use super::request::WriteOutcome;
use crate::db::{Row, is_key_changed, rows_of, run_together};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::key_version::verify_sql;
use crate::records::write::{
    Columns, Copied, INSERT_ATTEMPTS, compare_sql, copy_in, insert_many_sql, insert_single_sql,
    read_comparison, read_ids,
};
use crate::sql::Sql;
use crate::sqlstate::from_pipeline;

/// The outcome of writing a group.
#[derive(Debug)]
pub(super) enum Written {
    /// The group is committed.
    Committed {
        /// One for each request.
        verdicts: Vec<Verdict>,
        /// Whether the group was classified and its new records written by INSERT, because some may
        /// have been stored before.
        by_insert: bool,
        /// Whether the next groups must not use COPY: the server refuses it under row-level security,
        /// and it does not report which records a trigger skipped.
        copy_refused: bool,
    },
    /// Nothing is written: an API key of the group was revoked or changed.
    KeyChanged,
}

/// Writes a group: by COPY, a single record by INSERT, and only the new records when some are stored
/// already.
///
/// The API keys of the requests are checked in the same transaction.
///
/// After an error nothing of the group is written, except that after [`StoreError::Unreachable`] all of
/// it may be.
pub(super) async fn write(
    db: &mut Connection,
    group: &[Attempt<'_>],
    mut copy_refused: bool,
) -> Result<Written, StoreError> {
    let mut group = group.to_vec();
    let keys = keys(&group);
    // A retried group may be stored already. It is compared first, since a failed COPY leaves dead rows.
    let fresh = !group.iter().any(|attempt| attempt.sent);
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
                let all = group.iter().map(|attempt| attempt.request.records.len());
                let verdicts = all.map(|records| Ok(WriteOutcome::all_created(records))).collect();
                return Ok(Written::Committed { verdicts, by_insert: false, copy_refused });
            }
            Copied::NoneForKey => return Ok(Written::KeyChanged),
            Copied::NoneForDuplicate => {}
            Copied::NoneForPolicy => copy_refused = true,
            // The stored records are this group's own. INSERT reports the records that a trigger skips,
            // so these are not acknowledged; all later groups use it. (This group is committed,
            // including the other records of a request with a skipped one.)
            Copied::Fewer { .. } => {
                copy_refused = true;
                group.iter_mut().for_each(|attempt| attempt.sent = true);
            }
        }
    }
    let inserted = insert(db, &group, &keys).await;
    if db.is_in_transaction() {
        run(db, &[Sql::new("rollback")], "roll back").await?;
    }
    Ok(match inserted? {
        Some((verdicts, has_skipped)) => Written::Committed {
            verdicts,
            by_insert: true,
            copy_refused: copy_refused || has_skipped,
        },
        None => Written::KeyChanged,
    })
}

/// Writes a single record and checks its key in one statement; `false` when its id is taken or its key
/// has changed.
async fn insert_single(
    db: &mut Connection,
    record: &Record,
    key: Option<ApiKeyVersion>,
) -> Result<bool, StoreError> {
    let replies = run_together(db, &[insert_single_sql(record, key)]).await.map_err(from_pipeline);
    let replies = replies.map_err(StoreError::while_trying_to("write a record"))?;
    Ok(replies.first().is_some_and(|reply| reply.affected == 1))
}

/// Compares the group with the table, classifies it and writes the new records; `None` when a key has
/// changed.
///
/// The INSERT skips an id that another session has written since the comparison; then the group is
/// compared and classified again. A skipped id that is still not visible may belong to a record that
/// retention has deleted since, so its record is written again; after [`INSERT_ATTEMPTS`] it is a
/// conflict. Each iteration but the last skips at least one id, so the loop terminates.
///
/// Also returns whether there was such a conflict: most likely a trigger skipped the record, which COPY
/// would not report.
///
/// May leave a transaction open.
async fn insert(
    db: &mut Connection,
    group: &[Attempt<'_>],
    keys: &[ApiKeyVersion],
) -> Result<Option<(Vec<Verdict>, bool)>, StoreError> {
    let all: Vec<&Record> = records(group).collect();
    let columns = Columns::of(all.iter().copied());
    let provided: Vec<ProvidedFields> =
        group.iter().flat_map(|attempt| attempt.request.provided.iter().copied()).collect();
    let mut skips: HashMap<RecordId, usize> = HashMap::new();
    loop {
        let verified = if keys.is_empty() { None } else { Some(verify_sql(keys)) };
        let compare = compare_sql(&columns, &provided);
        let first: Vec<Sql> = verified.clone().into_iter().chain([compare]).collect();
        let Some(compared) = run(db, &first, "compare records").await? else { return Ok(None) };
        let mut invisible: HashSet<RecordId> = skips
            .iter()
            .filter(|(_, skips)| **skips >= INSERT_ATTEMPTS)
            .map(|(id, _)| *id)
            .collect();
        let mut stored: Vec<Option<bool>> =
            all.iter().map(|record| invisible.contains(&record.id).then_some(false)).collect();
        for comparison in read_comparison(&compared)? {
            invisible.remove(&all[comparison.index].id);
            stored[comparison.index] = Some(comparison.same);
        }
        let Classified { verdicts, new } = classify(group, &stored);
        if new.is_empty() {
            return Ok(Some((verdicts, !invisible.is_empty())));
        }
        let new: Vec<&Record> = new.into_iter().map(|index| all[index]).collect();
        let insert = insert_many_sql(&Columns::of(new.iter().copied()));
        let rows = run(db, &[Sql::new("begin"), insert], "write records").await?;
        let inserted_ids = read_ids(&rows.unwrap_or_default())?;
        if inserted_ids.len() == new.len() {
            let last: Vec<Sql> = verified.into_iter().chain([Sql::new("commit")]).collect();
            let committed = run(db, &last, "commit").await?;
            return Ok(committed.map(|_| (verdicts, !invisible.is_empty())));
        }
        run(db, &[Sql::new("rollback")], "roll back").await?;
        let inserted_ids: HashSet<RecordId> =
            inserted_ids.into_iter().map(RecordId::from).collect();
        for record in new.iter().filter(|record| !inserted_ids.contains(&record.id)) {
            *skips.entry(record.id).or_default() += 1;
        }
    }
}

/// Runs statements in one exchange and returns the rows of the last; `None` when the check of the keys
/// failed.
async fn run(
    db: &mut Connection,
    statements: &[Sql],
    doing: &'static str,
) -> Result<Option<Vec<Row>>, StoreError> {
    match run_together(db, statements).await {
        Ok(mut replies) => Ok(Some(replies.pop().map(rows_of).unwrap_or_default())),
        Err(failed) if is_key_changed(&failed, statements) => Ok(None),
        Err(failed) => Err(StoreError::while_trying_to(doing)(from_pipeline(failed))),
    }
}

/// The distinct API keys of the requests.
fn keys(group: &[Attempt<'_>]) -> Vec<ApiKeyVersion> {
    let mut keys: Vec<ApiKeyVersion> = Vec::new();
    let mut seen = HashSet::new();
    keys.extend(
        group.iter().filter_map(|attempt| attempt.request.key).filter(|key| seen.insert(*key)),
    );
    keys
}

fn single<'a>(group: &[Attempt<'a>]) -> Option<&'a Record> {
    let mut records = records(group);
    records.next().filter(|_| records.next().is_none())
}

fn records<'a>(group: &[Attempt<'a>]) -> impl Iterator<Item = &'a Record> + Clone {
    group.iter().flat_map(|attempt| attempt.request.records.iter())
}
