//! The matching records of entries.

use std::collections::HashMap;

use auditrail_core::{FeedItem, Filters, RecordId};

use super::entries::Entries;
use crate::db::Db;
use crate::error::StoreError;
use crate::records::columns::{self, column_list};
use crate::records::read::conditions::Conditions;
use crate::sql::Sql;

/// Matching records of entries.
pub(super) struct Matches {
    pub(super) items: Vec<FeedItem>,
    /// Whether these are all; if not, more may follow after the last of them.
    pub(super) is_complete: bool,
}

/// The first `limit` matches, up to a number of bytes but at least one.
pub(super) async fn of(
    mut db: Db<'_>,
    filters: &Filters,
    entries: &Entries,
    limit: usize,
    max_bytes: usize,
) -> Result<Matches, StoreError> {
    let conditions = Conditions::without_index(filters).with_all_intents();
    db.prepend([Sql::new(BEGIN), Sql::new(SETTINGS)]);
    let sql = sql(&conditions, entries, limit);
    let found = db.fetch_within(&sql, max_bytes, true).await;
    let found = found.map_err(StoreError::while_trying_to("read the records of the sequence"))?;
    let seqs: HashMap<RecordId, i64> =
        entries.ids.iter().map(|id| RecordId::from(*id)).zip(entries.first_seq..).collect();
    let is_complete = !found.is_truncated && found.rows.len() < limit;
    let items = found.rows.iter().map(|row| {
        let record = columns::record(row)?;
        Ok(FeedItem { seq: seqs.get(&record.id).copied().unwrap_or_default(), record })
    });
    Ok(Matches { items: items.collect::<Result<_, _>>()?, is_complete })
}

/// Each statement has a snapshot of its own, taken after its locks: one that waits while partitions are exchanged sees
/// the records where they are then.
const BEGIN: &str = "begin isolation level read committed read only";

/// JIT compilation takes longer than the statement, and a generic plan does not consider how many ids there are.
const SETTINGS: &str = "select set_config('jit', 'off', true),
                                          set_config('plan_cache_mode', 'force_custom_plan', true)";

/// Reads the matches by their ids, in the order of the entries.
fn sql(conditions: &Conditions<'_>, entries: &Entries, limit: usize) -> Sql {
    let mut sql = Sql::new(concat!("select ", column_list!(), " from (select ", column_list!()))
        .bind_array(entries.ids.iter());
    conditions.push_from_where(&mut sql);
    sql.push(
        " and id = any($1)) as matches
          join unnest($1) with ordinality as entry (entry_id, place) on matches.id = entry.entry_id
         order by entry.place
         limit ",
    );
    sql.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql
}
