//! One page of a search.

use auditrail_core::{Cursor, PageSize, Position, Record, RecordTime};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::filters::Conditions;
use super::row::{self, columns};
use crate::error::StoreError;
use crate::wire::PgTime;

/// Reads one page, newest first, and says whether more follow.
///
/// The statement is planned anew each time: a plan that is right for the busiest actor is wrong for
/// one with three records, and planning costs less than reading a page.
pub(super) async fn page(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
    size: PageSize,
    position: Position,
) -> Result<(Vec<Record>, bool), StoreError> {
    let mut sql = QueryBuilder::new("");
    push_select(&mut sql, conditions, size, position);
    let rows = sql
        .build()
        .persistent(false)
        .fetch_all(db)
        .await
        .map_err(StoreError::while_trying_to("read a page of records"))?;
    let wanted = usize::from(size.get());
    let records = rows.iter().take(wanted).map(row::record);
    Ok((records.collect::<Result<_, _>>()?, rows.len() > wanted))
}

/// Adds the statement; it asks for one row more than the page has, to learn whether there are more.
pub(super) fn push_select(
    sql: &mut QueryBuilder<Postgres>,
    conditions: &Conditions<'_>,
    size: PageSize,
    position: Position,
) {
    sql.push(concat!("select ", columns!()));
    conditions.push_from_where(sql);
    if let Position::After(cursor) = position {
        push_after(sql, cursor);
    }
    sql.push(" order by created_at desc, id desc limit ")
        .push_bind(i64::from(size.get()) + 1);
    if let Position::Offset(offset @ 1..) = position {
        sql.push(" offset ")
            .push_bind(i64::try_from(offset).unwrap_or(i64::MAX));
    }
}

/// Adds the condition that a row comes after the cursor's.
///
/// A cursor at either end of what we can print may stand for a row beyond it, such as one with
/// `infinity`, so there the row itself is asked for its time. Without that, such rows would be
/// repeated for ever or passed over.
fn push_after(sql: &mut QueryBuilder<Postgres>, cursor: Cursor) {
    let Cursor { created_at, id } = cursor;
    let ends = [RecordTime::MIN_UNIX_MICROS, RecordTime::MAX_UNIX_MICROS];
    sql.push(" and (created_at, id) < (");
    if ends.contains(&created_at.unix_micros()) {
        sql.push(
            "coalesce((select own.created_at from control_plane.audit_logs own where own.id = ",
        )
        .push_bind(*id.as_uuid())
        .push("), ")
        .push_bind(PgTime(created_at))
        .push(")");
    } else {
        sql.push_bind(PgTime(created_at));
    }
    sql.push(", ").push_bind(*id.as_uuid()).push(")");
}
