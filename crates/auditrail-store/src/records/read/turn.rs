//! A page of a search: the scans that it consists of, in the order of the search.

use auditrail_core::{Cursor, Found, Order, Position, Query, RecordId};
use uuid::Uuid;

use super::conditions::Conditions;
use super::page;
use super::scan::{Direction, Scan, ScanStart};
use super::text_search::{self, TextBudget, TextPage};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Reads a page, in the order of the query. The total is not counted.
///
/// A search in text that stops before the page is full states where, in the direction of its scan; it is not known
/// whether more match beyond.
///
/// # Errors
/// [`StoreError::NoMatch`] when the record of [`Position::Around`] does not match.
pub(in crate::records) async fn page(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    query: &Query,
    budget: TextBudget,
) -> Result<Found, StoreError> {
    let forward = match query.order {
        Order::NewestFirst => Direction::Older,
        Order::OldestFirst => Direction::Newer,
    };
    let first = Scan { direction: forward, ..Scan::newest_first() };
    let limit = query.limit.get();
    match query.position {
        Position::Offset(skipped) => {
            let scan = Scan { skipped, ..first };
            let page = read(db, conditions, limit, scan, budget).await?;
            Ok(Found { has_previous: skipped > 0, ..found(page) })
        }
        Position::After(cursor) => {
            let scan = Scan { start: Some(ScanStart { cursor, includes: false }), ..first };
            let page = read(db, conditions, limit, scan, budget).await?;
            // At least the record of the cursor.
            Ok(Found { has_previous: true, ..found(page) })
        }
        Position::Before(cursor) => {
            let start = Some(ScanStart { cursor, includes: false });
            let scan = Scan { direction: forward.reversed(), start, ..first };
            let page = read(db, conditions, limit, scan, budget).await?;
            let has_previous = page.has_more;
            let mut found = found(page);
            found.records.reverse();
            // At least the record of the cursor; that of a search in text may be where it stopped.
            let has_more = !found.records.is_empty() || conditions.has_text();
            Ok(Found { has_more, has_previous, ..found })
        }
        Position::Around(id) => around(db, conditions, limit, first, id, budget).await,
    }
}

/// Reads the first matches of a scan.
async fn read(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    limit: u16,
    scan: Scan,
    budget: TextBudget,
) -> Result<TextPage, StoreError> {
    if conditions.has_text() {
        return text_search::page(db, conditions, limit, scan, budget).await;
    }
    let (records, has_more) = page::page(db, conditions, limit, scan, budget.scan).await?;
    Ok(TextPage { records, has_more, searched_back_to: None })
}

/// The result of a scan in the order of the search.
fn found(page: TextPage) -> Found {
    let TextPage { records, has_more, searched_back_to } = page;
    Found { records, has_previous: false, has_more, total: None, searched_back_to }
}

/// Reads half of a page before a record, then the record and the rest of the page. Each has half of the time of a
/// search in text.
async fn around(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    limit: u16,
    first: Scan,
    id: RecordId,
    budget: TextBudget,
) -> Result<Found, StoreError> {
    let cursor = matching(db.again(), conditions, id).await?.ok_or(StoreError::NoMatch { id })?;
    let budget = TextBudget { time: budget.time / 2, ..budget };
    let half = limit / 2;
    let backward = Scan {
        direction: first.direction.reversed(),
        start: Some(ScanStart { cursor, includes: false }),
        is_last: false,
        ..first
    };
    // Half of a page of one record keeps no record, and shows whether there is one.
    run(db.again(), "savepoint auditrail_scan").await?;
    let before = read(db.again(), conditions, half, backward, budget).await?;
    let has_previous = before.has_more;
    let mut records = before.records;
    records.reverse();
    // The scan may have changed settings.
    run(db.again(), "rollback to savepoint auditrail_scan").await?;
    let forward = Scan { start: Some(ScanStart { cursor, includes: true }), ..first };
    let rest = found(read(db, conditions, limit - half, forward, budget).await?);
    records.extend(rest.records);
    Ok(Found { records, has_previous, ..rest })
}

async fn run(mut db: Db<'_>, statement: &'static str) -> Result<(), StoreError> {
    let done = db.fetch(&Sql::new(statement)).await;
    done.map(drop).map_err(StoreError::while_trying_to("divide a search"))
}

/// The position of the record with this id, if it matches.
async fn matching(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    id: RecordId,
) -> Result<Option<Cursor>, StoreError> {
    let mut sql = Sql::new("select created_at, id");
    conditions.push_from_where(&mut sql);
    sql.push(" and id = ").push_bind(id.as_uuid());
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("read a record"))?;
    let cursor = rows.first().map(|row| {
        let PgTime(created_at) = row.get(0)?;
        Ok(Cursor { created_at, id: RecordId::from(row.get::<Uuid>(1)?) })
    });
    cursor.transpose().map_err(StoreError::while_trying_to("read a row"))
}
