//! The seq of a record.

use auditrail_core::RecordId;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sequencer::{ENTRY_XACT_IDS_SPAN, ID_BYTES};
use crate::sql::Sql;
use crate::value::XactId;

/// Rows in one response: at most 1 MiB of ids.
const ROWS: usize = 16;

const DOING: &str = "look up the seq of a record";

/// The seq of the record with this id, which names that transaction; none if it has none yet.
pub(super) async fn seq_of(
    mut db: Db<'_>,
    xact_id: XactId,
    id: RecordId,
) -> Result<Option<u64>, StoreError> {
    let mut after = -1;
    loop {
        let rows = db.fetch(&rows_sql(xact_id, id, after)).await;
        let rows = rows.map_err(StoreError::while_trying_to(DOING))?;
        for row in &rows {
            let (first_seq, position) =
                read(row, id).map_err(StoreError::while_trying_to(DOING))?;
            after = first_seq;
            if let Some(position) = position {
                return Ok(u64::try_from(first_seq).ok().map(|first| first + position));
            }
        }
        if rows.len() < ROWS {
            return Ok(None);
        }
    }
}

/// The first seq of a row, and where in the row the id is.
fn read(row: &Row, id: RecordId) -> Result<(i64, Option<u64>), sqlx::Error> {
    let ids: &[u8] = row.get(1)?;
    let position = ids.chunks_exact(ID_BYTES).position(|other| other == id.as_uuid().as_bytes());
    Ok((row.get(0)?, position.map(|position| position as u64)))
}

/// The rows of entries after a seq that may have the record. Rows of a single transaction are in the order of the ids, so
/// those of other ids are skipped in the server.
fn rows_sql(xact_id: XactId, id: RecordId, after: i64) -> Sql {
    let xact_id = i64::try_from(xact_id.0).unwrap_or(i64::MAX);
    let span = i64::try_from(ENTRY_XACT_IDS_SPAN).unwrap_or(i64::MAX);
    Sql::new(
        "select e.first_seq, e.ids
           from control_plane.audit_log_entries e
          where e.lowest_xact_id between $1 and $2
            and e.highest_xact_id >= $2
            and e.first_seq > $4
            and not (e.lowest_xact_id = e.highest_xact_id
                     and (substr(e.ids, 1, 16) > $3
                          or substr(e.ids, octet_length(e.ids) - 15) < $3))
          order by e.first_seq
          limit $5",
    )
    .bind(xact_id.saturating_sub(span))
    .bind(xact_id)
    .bind(&id.as_uuid().as_bytes()[..])
    .bind(after)
    .bind(i64::try_from(ROWS).unwrap_or(i64::MAX))
}
