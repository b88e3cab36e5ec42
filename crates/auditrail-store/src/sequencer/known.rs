//! Which records have a seq already.

use std::collections::HashSet;

use pg_pipeline::Connection;
use uuid::Uuid;

use super::entries::{Candidate, ENTRY_XACT_IDS_SPAN, ID_BYTES, number};
use super::session::run_one;
use crate::db::Row;
use crate::error::StoreError;
use crate::sql::Sql;

/// Rows of entries in one response: at most 4 MiB of ids.
const ROWS: usize = 64;

/// The ids of those records that have an entry before `before_seq`.
///
/// `records` are in the order `(xact_id, id)`. Reads the entries with the same ids of transactions, a bounded number
/// at a time. Rows of a single transaction are in the order of the ids, so those of other ids are skipped in the
/// server: a transaction may have millions of records.
pub(super) async fn known(
    db: &mut Connection,
    records: &[Candidate],
    before_seq: i64,
) -> Result<HashSet<Uuid>, StoreError> {
    let mut found = HashSet::new();
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(found) };
    let wanted: HashSet<Uuid> = records.iter().map(|record| record.id).collect();
    let span = i64::try_from(ENTRY_XACT_IDS_SPAN).unwrap_or(i64::MAX);
    let mut after = (number(first.xact_id).saturating_sub(span + 1), i64::MAX, i64::MAX);
    loop {
        let rows = run_one(db, &rows_sql(*first, *last, before_seq, after), DOING).await?;
        for row in &rows {
            let ids: &[u8] = row.get(3).map_err(StoreError::while_trying_to(DOING))?;
            let ids = ids.chunks_exact(ID_BYTES).filter_map(|id| Uuid::from_slice(id).ok());
            found.extend(ids.filter(|id| wanted.contains(id)));
        }
        match rows.last() {
            Some(row) if rows.len() == ROWS => {
                after = key(row).map_err(StoreError::while_trying_to(DOING))?;
            }
            _ => return Ok(found),
        }
    }
}

const DOING: &str = "compare records with the entries";

fn key(row: &Row) -> Result<(i64, i64, i64), sqlx::Error> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// The rows of entries that may have one of the records from `first` to `last`, after a row.
fn rows_sql(first: Candidate, last: Candidate, before_seq: i64, after: (i64, i64, i64)) -> Sql {
    Sql::new(
        "select e.lowest_xact_id, e.highest_xact_id, e.first_seq, e.ids
           from control_plane.audit_log_entries e
          where (e.lowest_xact_id, e.highest_xact_id, e.first_seq) > ($1, $2, $3)
            and e.lowest_xact_id <= $6
            and e.highest_xact_id >= $4
            and e.first_seq < $8
            and not (e.lowest_xact_id = e.highest_xact_id
                     and (e.lowest_xact_id = $4
                              and substr(e.ids, octet_length(e.ids) - 15) < $5
                          or e.lowest_xact_id = $6 and substr(e.ids, 1, 16) > $7))
          order by e.lowest_xact_id, e.highest_xact_id, e.first_seq
          limit $9",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(after.2)
    .bind(number(first.xact_id))
    .bind(&first.id.as_bytes()[..])
    .bind(number(last.xact_id))
    .bind(&last.id.as_bytes()[..])
    .bind(before_seq)
    .bind(i64::try_from(ROWS).unwrap_or(i64::MAX))
}
