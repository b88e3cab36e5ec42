//! The entries of many records.

use std::collections::HashMap;

use uuid::Uuid;

use super::find::Found;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sequencer::{ENTRY_XACT_IDS_SPAN, ID_BYTES};
use crate::sql::Sql;
use crate::value::XactId;

/// Rows of entries in one response: at most 4 MiB of ids.
const ROWS: usize = 64;

const DOING: &str = "find the entries of records";

/// The seqs of records, of those that have one.
pub(super) async fn of(
    mut db: Db<'_>,
    records: &[Found],
) -> Result<HashMap<Uuid, u64>, StoreError> {
    let rows = db.fetch(&rows_sql(records)).await.map_err(StoreError::while_trying_to(DOING))?;
    let rows = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>, _>>();
    let rows = rows.map_err(StoreError::while_trying_to(DOING))?;
    let wanted: HashMap<Uuid, ()> = records.iter().map(|record| (record.id, ())).collect();
    let mut found = HashMap::new();
    for rows in rows.chunks(ROWS) {
        let ids = db.fetch(&ids_sql(rows)).await.map_err(StoreError::while_trying_to(DOING))?;
        for row in &ids {
            add(&mut found, &wanted, row).map_err(StoreError::while_trying_to(DOING))?;
        }
    }
    Ok(found)
}

fn add(
    found: &mut HashMap<Uuid, u64>,
    wanted: &HashMap<Uuid, ()>,
    row: &Row,
) -> Result<(), sqlx::Error> {
    let first: i64 = row.get(0)?;
    let first = u64::try_from(first).unwrap_or(0);
    let ids: &[u8] = row.get(1)?;
    for (position, id) in (0..).zip(ids.chunks_exact(ID_BYTES)) {
        let id = Uuid::from_slice(id).unwrap_or_default();
        if wanted.contains_key(&id) {
            found.insert(id, first + position);
        }
    }
    Ok(())
}

/// The rows of entries that may have one of the records.
fn rows_sql(records: &[Found]) -> Sql {
    let number = |xact_id: XactId| i64::try_from(xact_id.0).unwrap_or(i64::MAX);
    let mut sql = Sql::new("select distinct e.first_seq from unnest(");
    sql.push_bind_array(records.iter().map(|record| number(record.xact_id))).push(", ");
    sql.push_bind_array(records.iter().map(|record| &record.id.as_bytes()[..])).push(
        ") as wanted (xact_id, id)
           join control_plane.audit_log_entries e
             on e.lowest_xact_id between wanted.xact_id - ",
    );
    sql.push_bind(i64::try_from(ENTRY_XACT_IDS_SPAN).unwrap_or(i64::MAX)).push(
        " and wanted.xact_id
            and e.highest_xact_id >= wanted.xact_id
            and not (e.lowest_xact_id = e.highest_xact_id
                     and (substr(e.ids, 1, 16) > wanted.id
                          or substr(e.ids, octet_length(e.ids) - 15) < wanted.id))
          order by e.first_seq",
    );
    sql
}

fn ids_sql(rows: &[i64]) -> Sql {
    Sql::new("select first_seq, ids from control_plane.audit_log_entries where first_seq = any($1)")
        .bind_array(rows.iter().copied())
}
