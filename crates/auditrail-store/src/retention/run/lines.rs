//! Reads expired records as the lines of an archive, and deletes exactly those.

use uuid::Uuid;

use super::context::Context;
use super::expired::{Position, Rows, with_expired};
use super::groups::{RemovedRecords, tenant};
use super::session::Session;
use super::survey::KEPT;
use super::tables::Table;
use crate::archive::line;
use crate::db::Row;
use crate::error::StoreError;
use crate::value::PgTime;

/// Expired records of a chunk of a table.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The records, each as a group of its own.
    pub(super) records: Vec<RemovedRecords>,
    /// Their lines, in the same order.
    pub(super) lines: Vec<String>,
    /// The ids of the rows that stay.
    pub(super) kept: Vec<Uuid>,
    /// The last row; `None` at the end.
    pub(super) last: Option<Position>,
}

impl Lines {
    /// The number of rows that were looked at.
    pub(super) const fn rows(&self) -> u64 {
        (self.records.len() + self.kept.len()) as u64
    }
}

/// The expired records of the next rows of a table, oldest first.
pub(super) async fn read(
    db: &mut Session,
    context: &Context,
    table: &Table,
    rows: Rows<'_>,
) -> Result<Lines, StoreError> {
    let mut sql = with_expired(context, table, rows);
    sql.push(
        "select expired.tenant_id, expired.action, expired.created_at, expired.id, record.line,
                null::uuid[]
           from expired
          cross join lateral (select ",
    );
    sql.push(line!()).push(" as line from ").push(&table.sql());
    sql.push(
        " where id = expired.id) record
          union all
         select * from (select null, null, created_at, id, null, ",
    );
    sql.push(KEPT);
    sql.push(" from chunk order by created_at desc, id desc limit 1) last order by 3, 4");
    let doing = "read expired records";
    let rows = db.fetch(doing, sql).await?;
    collect(&rows).map_err(StoreError::while_trying_to(doing))
}

/// Deletes the records with these ids that have expired, in the transaction of the caller, and returns them.
pub(super) async fn delete(
    db: &mut Session,
    context: &Context,
    table: &Table,
    ids: &[Uuid],
) -> Result<Lines, StoreError> {
    let mut sql = with_expired(context, table, Rows::Listed(ids));
    sql.push(" delete from ").push(&table.sql());
    sql.push(
        " where id in (select id from expired)
         returning tenant_id, action, created_at, id, ",
    );
    sql.push(line!()).push(", null::uuid[]");
    let doing = "delete archived records";
    let rows = db.fetch(doing, sql).await?;
    collect(&rows).map_err(StoreError::while_trying_to(doing))
}

fn collect(rows: &[Row]) -> Result<Lines, sqlx::Error> {
    let mut found = Lines::default();
    for row in rows {
        let (created_at, id) = (row.get::<PgTime>(2)?.0, row.get::<Uuid>(3)?);
        let Some(line) = row.get::<Option<String>>(4)? else {
            found.last = Some(Position { created_at, id });
            found.kept = row.get::<Option<Vec<Uuid>>>(5)?.unwrap_or_default();
            continue;
        };
        found.lines.push(line);
        found.records.push(RemovedRecords {
            tenant_id: tenant(row.get(0)?),
            action: row.get(1)?,
            records: 1,
            oldest: created_at,
            newest: created_at,
            lowest_id: id,
            highest_id: id,
        });
    }
    Ok(found)
}
