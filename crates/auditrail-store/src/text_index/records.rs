//! The records of a block.

use std::collections::HashMap;

use auditrail_core::words::{fold, words_of};
use pg_pipeline::Connection;
use uuid::Uuid;

use crate::db::Row;
use crate::error::StoreError;
use crate::records::RECORD_TEXT;
use crate::sequencer::session::run_one;
use crate::sql::Sql;
use crate::value::PgTime;
use crate::words::filter::WordHash;
use crate::words::range::Place;

/// The distinct words of each record, by its id.
pub(super) type Words = HashMap<Uuid, Vec<WordHash>>;

/// The places of records, in no order; those that left have none.
pub(super) async fn places(db: &mut Connection, ids: &[Uuid]) -> Result<Vec<Place>, StoreError> {
    let doing = "find the records of entries";
    let sql = Sql::new(
        "select r.created_at, r.id
           from unnest($1) as entry (id)
          cross join lateral (select created_at, id from control_plane.audit_logs
                               where id = entry.id limit 1) r",
    )
    .bind_array(ids);
    let read = |row: &Row| {
        let PgTime(at) = row.get(0)?;
        Ok(Place { at, id: row.get(1)? })
    };
    let rows = run_one(db, &sql, doing).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::while_trying_to(doing))
}

/// The words of records.
pub(super) async fn words(db: &mut Connection, ids: &[Uuid]) -> Result<Words, StoreError> {
    let doing = "read the text of records";
    let mut sql = Sql::new("select r.id, r.text from unnest(");
    sql.push_bind_array(ids);
    sql.push(") as entry (id) cross join lateral (select id, ").push(RECORD_TEXT);
    sql.push(" as text from control_plane.audit_logs where id = entry.id limit 1) r");
    let read = |row: &Row| Ok((row.get(0)?, hashes(row.get(1)?)));
    let rows = run_one(db, &sql, doing).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::while_trying_to(doing))
}

/// The distinct words of a text.
pub(super) fn hashes(text: &str) -> Vec<WordHash> {
    let text: String = text.chars().map(fold).collect();
    let mut hashes: Vec<WordHash> = words_of(&text).map(WordHash::of).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
