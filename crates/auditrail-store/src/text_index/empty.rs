//! Removes blocks of which no record is left.

use sqlx::PgConnection;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;

/// Blocks that one statement looks at.
const CHUNK: i64 = 1_000;

/// Removes the blocks in whose ranges no record is left, and returns their number.
///
/// A transaction looks at a thousand blocks. Requires the owner of the log, outside a transaction. An older schema has no blocks.
///
/// `go_on` is called before each of them.
///
/// # Errors
/// [`StoreError`]. What was removed until then stays removed.
pub async fn remove_empty_text_blocks(
    db: &mut PgConnection,
    go_on: impl Fn() -> bool,
) -> Result<u64, StoreError> {
    let doing = "remove blocks of the index of words";
    let mut db = Db::from(db);
    let exists = Sql::new("select to_regclass('control_plane.audit_log_text_blocks') is not null");
    let rows = db.fetch(&exists).await.map_err(StoreError::while_trying_to(doing))?;
    let exists = rows.first().map_or(Ok(false), |row| row.get(0));
    if !exists.map_err(StoreError::while_trying_to(doing))? {
        return Ok(0);
    }
    let (mut after, mut removed) = (-1, 0);
    while go_on() {
        let rows = db.fetch(&remove_sql(after)).await;
        let rows = rows.map_err(StoreError::while_trying_to(doing))?;
        let read = |row: &Row| Ok((row.get::<Option<i64>>(0)?, row.get::<i64>(1)?));
        let row = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(read);
        let (last, gone) = row.map_err(StoreError::while_trying_to(doing))?;
        removed += gone.unsigned_abs();
        let Some(last) = last else { break };
        after = last;
    }
    Ok(removed)
}

/// Removes the empty ones of the next blocks. A record that arrives in the range meanwhile is not one of the block.
fn remove_sql(after: i64) -> Sql {
    Sql::new(
        "with chunk as materialized (
             select id, oldest_at, oldest_id, newest_at, newest_id
               from control_plane.audit_log_text_blocks where id > $1 order by id limit $2
         ), gone as (
             delete from control_plane.audit_log_text_blocks b
              using chunk
              where b.id = chunk.id
                and not exists (
                    select from control_plane.audit_logs r
                     where (r.created_at, r.id) >= (chunk.oldest_at, chunk.oldest_id)
                       and (r.created_at, r.id) <= (chunk.newest_at, chunk.newest_id))
             returning b.id
         )
         select (select max(id) from chunk), (select count(*) from gone)",
    )
    .bind(after)
    .bind(CHUNK)
}
