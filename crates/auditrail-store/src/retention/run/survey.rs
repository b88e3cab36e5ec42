//! Counts the expired records of a table.

use uuid::Uuid;

use super::context::Context;
use super::expired::{Position, Rows, end, with_expired};
use super::groups::{Groups, RemovedRecords};
use super::session::Session;
use super::tables::{Table, extent};
use crate::db::Row;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Rows that a statement of a plan looks at.
const PLAN_ROWS: u32 = 20_000;

/// What was found in a chunk of a table.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The expired records, by tenant and action.
    pub(super) expired: Vec<RemovedRecords>,
    /// The ids of the others, if requested.
    pub(super) kept: Vec<Uuid>,
    /// The number of rows of the chunk.
    pub(super) rows: u64,
    /// The last row; `None` at the end.
    pub(super) last: Option<Position>,
}

/// All expired records of a table, by tenant and action.
pub(super) async fn all(
    db: &mut Session,
    context: &Context,
    table: &Table,
    on_rows: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<RemovedRecords>, StoreError> {
    let mut groups = Groups::default();
    if !extent(db, table, PgTime(context.upper)).await?.may_expire {
        return Ok(Vec::new());
    }
    let mut position = Position::start();
    loop {
        let rows = Rows::After { position, upper: context.upper, limit: PLAN_ROWS };
        let chunk = chunk(db, with_expired(context, table, rows), false).await?;
        on_rows(chunk.rows);
        chunk.expired.into_iter().for_each(|group| groups.add(group));
        match chunk.last {
            Some(last) => position = last,
            None => return Ok(groups.into_list()),
        }
    }
}

/// The next rows of a table, whatever their `created_at`, with the ids of those that stay.
pub(super) async fn with_kept(
    db: &mut Session,
    context: &Context,
    table: &Table,
    position: Position,
    limit: u32,
) -> Result<Chunk, StoreError> {
    let rows = Rows::After { position, upper: end(), limit };
    chunk(db, with_expired(context, table, rows), true).await
}

async fn chunk(db: &mut Session, mut sql: Sql, with_kept: bool) -> Result<Chunk, StoreError> {
    sql.push(GROUPS).push("expired group by tenant_id, action");
    sql.push(&last(if with_kept { KEPT } else { NOT_KEPT }));
    let doing = "count expired records";
    let rows = db.fetch(doing, sql).await?;
    read(&rows).map_err(StoreError::while_trying_to(doing))
}

/// The groups of a relation that follows.
pub(super) const GROUPS: &str = "
    select tenant_id, action, count(*), min(created_at), max(created_at),
           min(id::text collate \"C\")::uuid, max(id::text collate \"C\")::uuid, null::uuid[]
      from ";

/// The ids of the rows of the chunk that stay.
pub(super) const KEPT: &str = "(select array_agg(stays.id) from chunk stays
    where not exists (select from expired where expired.id = stays.id))";

/// In place of [`KEPT`], if these are not requested.
pub(super) const NOT_KEPT: &str = "null::uuid[]";

/// A row for the last one of the chunk, with the number of its rows, and [`KEPT`] or [`NOT_KEPT`]. It has no action.
pub(super) fn last(kept: &str) -> String {
    format!(
        " union all
         select * from (select null, null, (select count(*) from chunk), null::timestamptz, created_at,
                               null::uuid, id, {kept}
                          from chunk order by created_at desc, id desc limit 1) last"
    )
}

/// Reads the rows of [`GROUPS`] and [`last`].
pub(super) fn read(rows: &[Row]) -> Result<Chunk, sqlx::Error> {
    let mut chunk = Chunk { expired: Vec::new(), kept: Vec::new(), rows: 0, last: None };
    for row in rows {
        if row.get::<Option<&str>>(1)?.is_some() {
            chunk.expired.push(RemovedRecords::read(row)?);
        } else {
            chunk.last = Some(Position { created_at: row.get::<PgTime>(4)?.0, id: row.get(6)? });
            chunk.rows = u64::try_from(row.get::<i64>(2)?).unwrap_or_default();
            chunk.kept = row.get::<Option<Vec<Uuid>>>(7)?.unwrap_or_default();
        }
    }
    Ok(chunk)
}
