//! One page of a search: the statements, and which of them to run.
//!
//! Where an index has the order of time for one of the filters, and there is no other, a search walks
//! that index until the page is full. With other filters it might walk for ever between two matches,
//! and gathering all matches may be as bad. So it walks a short stretch of time first. While that has
//! too few matches, it asks for those of longer ones, in whatever way the planner thinks best, which for
//! few matches is to join several indexes.
//!
//! As many of the newest matches of a stretch as a page holds are the newest there are. So how long the
//! stretches are decides how long a search takes, and never what it finds.

use auditrail_core::{Cursor, PageSize, Position, Record, RecordTime};

use super::filters::Conditions;
use super::lead::{self, Effort, Lead};
use super::row::{self, columns};
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// How many more stretches of time are looked at before everything is.
const LONGER_STRETCHES: usize = 3;

/// Gathering and sorting is what comes next, and by indexes: where the planner expects many matches it
/// reads the table from end to end instead, and it does not come to this where there are many. Few
/// random pages are also quicker than all pages of a long time, on any disk without moving parts. With
/// the usual 4 MB to note places in the table, the notes on a million records are by page alone, and
/// each of these pages would have to be read.
const GATHER: &str = "select set_config('enable_sort', 'on', true),
                             set_config('enable_seqscan', 'off', true),
                             set_config('random_page_cost', '1.1', true),
                             set_config('work_mem', '32MB', true)";

/// Reads one page, newest first, and says whether more follow.
///
/// Statements are prepared once and planned anew each time, which [`SEARCH`](super::SEARCH) sees to: a
/// plan that is right for the busiest actor is wrong for one with three records, and planning costs
/// less than reading a page.
pub(super) async fn page(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    size: PageSize,
    position: Position,
    effort: Effort,
) -> Result<(Vec<Record>, bool), StoreError> {
    let rows = match Lead::only(conditions.filters()) {
        Some(lead) => fetch_last(db, &walk(lead, conditions, size, position, None)).await?,
        None if conditions.match_nothing() => Vec::new(),
        None => newest_matches(db, conditions, size, position, effort).await?,
    };
    let wanted = usize::from(size.get());
    let records = rows.iter().take(wanted).map(row::record);
    Ok((records.collect::<Result<_, _>>()?, rows.len() > wanted))
}

/// Walks a stretch of time, and then asks for the matches of longer ones.
async fn newest_matches(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    size: PageSize,
    position: Position,
    effort: Effort,
) -> Result<Vec<Row>, StoreError> {
    let skipped = match position {
        Position::Offset(offset) => offset,
        Position::After(_) => 0,
    };
    let wanted = usize::from(size.get()) + 1;
    let (lead, stretch) = lead::rarest(db.again(), conditions.filters(), position, effort).await?;
    let Some(mut stretch) = stretch else {
        return fetch_last(db, &walk(lead, conditions, size, position, None)).await;
    };
    let since = Some(stretch.start);
    let mut rows = fetch(db.again(), &walk(lead, conditions, size, position, since)).await?;
    if rows.len() == wanted {
        return Ok(rows);
    }
    let set = db.fetch(&Sql::new(GATHER)).await;
    set.map_err(StoreError::while_trying_to("go on with a search"))?;
    let is_soon_gathered = rows.is_empty() && stretch.is_most_of(effort.few);
    let longer_stretches = if is_soon_gathered { 0 } else { LONGER_STRETCHES };
    for _ in 0..longer_stretches {
        match stretch.longer(rows.len() as u64, skipped + wanted as u64) {
            Some(longer) => stretch = longer,
            None => break,
        }
        let since = Some(stretch.start);
        rows = fetch(db.again(), &matches(conditions, size, position, since)).await?;
        if rows.len() == wanted {
            return Ok(rows);
        }
    }
    fetch_last(db, &matches(conditions, size, position, None)).await
}

async fn fetch(mut db: Db<'_>, sql: &Sql) -> Result<Vec<Row>, StoreError> {
    let rows = db.fetch(sql).await;
    rows.map_err(StoreError::while_trying_to("read a page of records"))
}

/// As [`fetch`], for the last statement of a search.
async fn fetch_last(mut db: Db<'_>, sql: &Sql) -> Result<Vec<Row>, StoreError> {
    let rows = db.fetch_last(sql).await;
    rows.map_err(StoreError::while_trying_to("read a page of records"))
}

/// Walks the index of a lead and takes what matches, one row more than the page has, to learn whether
/// there are more. [`SEARCH`](super::SEARCH) leaves that index as the only way.
pub(super) fn walk(
    lead: Lead<'_>,
    conditions: &Conditions<'_>,
    size: PageSize,
    position: Position,
    since: Option<PgTime>,
) -> Sql {
    let mut sql = Sql::new(concat!("select ", columns!()));
    conditions.push_from_where_but(&mut sql, lead);
    lead.push_condition(&mut sql);
    push_after(&mut sql, position);
    push_since(&mut sql, since);
    lead.push_order(&mut sql);
    push_end(&mut sql, size, position);
    sql
}

/// Gathers the matches since a time, or all, and takes the newest.
///
/// Materialized, because the planner would otherwise count on finding enough early on, as if matches
/// were spread evenly over time. It comes to this where they are not, or few.
pub(super) fn matches(
    conditions: &Conditions<'_>,
    size: PageSize,
    position: Position,
    since: Option<PgTime>,
) -> Sql {
    let mut sql = Sql::new(concat!("with matches as materialized (select ", columns!()));
    conditions.push_from_where(&mut sql);
    push_after(&mut sql, position);
    push_since(&mut sql, since);
    sql.push(concat!(") select ", columns!(), " from matches order by "));
    push_end(&mut sql, size, position);
    sql
}

fn push_since(sql: &mut Sql, since: Option<PgTime>) {
    if let Some(since) = since {
        sql.push(" and created_at >= ").push_bind(since);
    }
}

fn push_end(sql: &mut Sql, size: PageSize, position: Position) {
    sql.push("created_at desc, id desc limit ").push_bind(i64::from(size.get()) + 1);
    if let Position::Offset(offset @ 1..) = position {
        sql.push(" offset ").push_bind(i64::try_from(offset).unwrap_or(i64::MAX));
    }
}

/// Adds the condition that a row comes after the cursor's.
///
/// A cursor at either end of what we can print may stand for a row beyond it, such as one with
/// `infinity`, so there the row itself is asked for its time. Without that, such rows would be
/// repeated for ever or passed over.
fn push_after(sql: &mut Sql, position: Position) {
    let Position::After(Cursor { created_at, id }) = position else {
        return;
    };
    sql.push(" and (created_at, id) < (");
    if is_edge(created_at) {
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

/// Whether a time is the first or last that can be printed, and so may stand for one beyond.
pub(super) fn is_edge(time: RecordTime) -> bool {
    [RecordTime::MIN_UNIX_MICROS, RecordTime::MAX_UNIX_MICROS].contains(&time.unix_micros())
}
