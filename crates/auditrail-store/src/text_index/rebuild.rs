//! Makes blocks anew whose records were changed in place.

use std::collections::HashSet;

use auditrail_core::Cursor;
use sqlx::PgConnection;

use super::records::hashes;
use crate::clock::random_number;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::records::RECORD_TEXT;
use crate::sql::Sql;
use crate::value::PgTime;
use crate::words::filter::{WORDS_MAX, WordFilter, WordHash};
use crate::words::range::Place;

/// Most records whose words make a filter. A block of a range with more of them may have every word from then on.
const RECORDS_MAX: usize = 2_048;

/// Makes the filters of the blocks anew that include one of these places, from the records as they are in this
/// transaction, and removes blocks without records. Returns the number of blocks.
///
/// To be called in the transaction that changes the text of records or deletes them, by the owner of the log: afterwards
/// no block has a word of the former text, and the new one is found. It waits for the indexer, which waits until
/// the end of the transaction. Each block takes some milliseconds.
///
/// # Errors
/// [`StoreError`]; the transaction has to be rolled back.
pub async fn rebuild_text_blocks(
    db: &mut PgConnection,
    places: &[Cursor],
) -> Result<usize, StoreError> {
    let mut db = Db::from(db);
    fetch(&mut db, &Sql::new("select from control_plane.audit_log_text_index for update")).await?;
    let blocks = fetch(&mut db, &blocks_sql(places)).await?;
    for row in &blocks {
        let id: i64 = row.get(0).map_err(StoreError::while_trying_to(DOING))?;
        rebuild(&mut db, id).await?;
    }
    Ok(blocks.len())
}

const DOING: &str = "rebuild the index of words";

async fn fetch(db: &mut Db<'_>, sql: &Sql) -> Result<Vec<Row>, StoreError> {
    db.fetch(sql).await.map_err(StoreError::while_trying_to(DOING))
}

async fn rebuild(db: &mut Db<'_>, id: i64) -> Result<(), StoreError> {
    let rows = fetch(db, &texts_sql(id)).await?;
    if rows.is_empty() {
        let sql = Sql::new("delete from control_plane.audit_log_text_blocks where id = $1");
        return fetch(db, &sql.bind(id)).await.map(drop);
    }
    let mut words: HashSet<WordHash> = HashSet::new();
    for row in &rows {
        words.extend(hashes(row.get(0).map_err(StoreError::while_trying_to(DOING))?));
    }
    let is_too_large = rows.len() > RECORDS_MAX || words.len() > WORDS_MAX;
    let filter = if is_too_large {
        WordFilter::of_every_word()
    } else {
        WordFilter::new(words.into_iter(), random_number()?)
    };
    fetch(db, &update_sql(id, &filter)).await.map(drop)
}

/// The blocks that include one of the places.
fn blocks_sql(places: &[Cursor]) -> Sql {
    let places: Vec<Place> = places.iter().copied().map(Place::from).collect();
    Sql::new(
        "select b.id
           from control_plane.audit_log_text_blocks b
          where exists (select from unnest($1, $2) as changed (at, id)
                         where (changed.at, changed.id) >= (b.oldest_at, b.oldest_id)
                           and (changed.at, changed.id) <= (b.newest_at, b.newest_id))
          order by b.id",
    )
    .bind_array(places.iter().map(|place| PgTime(place.at)))
    .bind_array(places.iter().map(|place| place.id))
}

/// The texts of the records in the range of a block.
fn texts_sql(id: i64) -> Sql {
    let mut sql = Sql::new(
        "select r.text from control_plane.audit_log_text_blocks b cross join lateral (select ",
    );
    sql.push(RECORD_TEXT).push(
        " as text from control_plane.audit_logs
           where (created_at, id) >= (b.oldest_at, b.oldest_id)
             and (created_at, id) <= (b.newest_at, b.newest_id)
           order by created_at, audit_logs.id limit ",
    );
    sql.push_bind(i64::try_from(RECORDS_MAX + 1).unwrap_or(i64::MAX))
        .push(") r where b.id = ")
        .push_bind(id);
    sql
}

fn update_sql(id: i64, filter: &WordFilter) -> Sql {
    Sql::new(
        "update control_plane.audit_log_text_blocks set salt = $2, bits = $3, filter = $4 where id = $1",
    )
    .bind(id)
    .bind(filter.salt())
    .bind(filter.bits())
    .bind(filter.bytes())
}
