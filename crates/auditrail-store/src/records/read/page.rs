//! The first matches of a scan: the statements, and which of them to run.
//!
//! With a single filter whose index is in the order of time, a search walks that index until the page
//! is full. With more filters that walk may read very many entries between two matches, and collecting
//! all matches first may be as slow. So the search walks a short window of time first. While it has too
//! few matches, the search reads longer windows with whatever plan the planner prefers; for few matches
//! that is a combination of several indexes.
//!
//! If a window holds a full page of matches, these are the first of all. So the lengths of the windows
//! affect how long a search takes, and never its result.

use auditrail_core::Record;

use super::conditions::Conditions;
use super::driving_index::{self, DrivingIndex, ScanBudget};
use super::scan::Scan;
use crate::db::{Db, Rows};
use crate::error::StoreError;
use crate::records::columns::{self, column_list};
use crate::sql::Sql;
use crate::value::PgTime;

/// Bytes of rows at which a page ends early. A page of the maximum size has 4 kB for each record.
const PAGE_MAX_BYTES: usize = 4 * 1_024 * 1_024;

/// How many longer windows are tried before all of the time is searched.
const LONGER_WINDOWS: usize = 3;

/// Settings for collecting all matches and sorting them, by indexes. Without them the planner, where it
/// overestimates the matches, reads the whole table; but this step runs only when matches are few. On an
/// SSD a few random pages are also quicker than all pages of a long window. With the default `work_mem`
/// of 4 MB the bitmap of a million records is lossy, and every page in it would be rechecked.
const COLLECT_SETTINGS: &str = "select set_config('enable_sort', 'on', true),
                             set_config('enable_seqscan', 'off', true),
                             set_config('random_page_cost', '1.1', true),
                             set_config('work_mem', '32MB', true)";

/// Reads the first matches of a scan, in its order, and whether more records follow. A page of large records ends early, so that the
/// rows of one search take only some megabytes.
///
/// [`SEARCH`](super::search::SEARCH) makes the server plan prepared statements anew for each execution, except for
/// a walk of one index: a good plan for the busiest actor is a bad one for an actor with three records.
pub(in crate::records) async fn page(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(Vec<Record>, bool), StoreError> {
    let found = match DrivingIndex::only(conditions.filters()) {
        Some(index) => {
            fetch_last(db, &walk(index, conditions, size, scan, None), scan.is_last).await?
        }
        None if conditions.match_nothing() => Rows { rows: Vec::new(), is_truncated: false },
        None => first_matches(db, conditions, size, scan, budget).await?,
    };
    let wanted = usize::from(size);
    let records = found.rows.iter().take(wanted).map(columns::record);
    let has_more = found.is_truncated || found.rows.len() > wanted;
    Ok((records.collect::<Result<_, _>>()?, has_more))
}

/// Walks one window of the driving index, then collects the matches of longer windows.
async fn first_matches(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    budget: ScanBudget,
) -> Result<Rows, StoreError> {
    let wanted = usize::from(size) + 1;
    let (index, window) =
        driving_index::most_selective(db.again(), conditions.filters(), scan, budget).await?;
    let Some(mut window) = window else {
        return fetch_last(db, &walk(index, conditions, size, scan, None), scan.is_last).await;
    };
    let edge = Some(window.edge);
    let mut found = fetch(db.again(), &walk(index, conditions, size, scan, edge)).await?;
    if is_full(&found, wanted) {
        return Ok(found);
    }
    let set = db.fetch(&Sql::new(COLLECT_SETTINGS)).await;
    set.map_err(StoreError::while_trying_to("change the settings of a search"))?;
    let is_quickly_collected = found.rows.is_empty() && window.is_most_of(budget.few);
    let longer_windows = if is_quickly_collected { 0 } else { LONGER_WINDOWS };
    for _ in 0..longer_windows {
        match window.longer(found.rows.len() as u64, scan.skipped + wanted as u64) {
            Some(longer) => window = longer,
            None => break,
        }
        let edge = Some(window.edge);
        found = fetch(db.again(), &matches(conditions, size, scan, edge)).await?;
        if is_full(&found, wanted) {
            return Ok(found);
        }
    }
    fetch_last(db, &matches(conditions, size, scan, None), scan.is_last).await
}

/// Whether the rows are a page and one row more, or as much of that as may be in memory.
const fn is_full(found: &Rows, wanted: usize) -> bool {
    found.rows.len() == wanted || found.is_truncated
}

async fn fetch(mut db: Db<'_>, sql: &Sql) -> Result<Rows, StoreError> {
    let rows = db.fetch_within(sql, PAGE_MAX_BYTES, false).await;
    rows.map_err(StoreError::while_trying_to("read a page of records"))
}

/// As [`fetch`], for the last statement of a scan.
async fn fetch_last(mut db: Db<'_>, sql: &Sql, is_last: bool) -> Result<Rows, StoreError> {
    let rows = db.fetch_within(sql, PAGE_MAX_BYTES, is_last).await;
    rows.map_err(StoreError::while_trying_to("read a page of records"))
}

/// Walks the driving index and takes the matches, one row more than the page to learn whether more
/// follow. [`SEARCH`](super::search::SEARCH) leaves that index as the only plan.
pub(in crate::records) fn walk(
    index: DrivingIndex<'_>,
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    edge: Option<PgTime>,
) -> Sql {
    let mut sql = Sql::default();
    let Some(mapped) = index.mapped() else {
        push_walk(&mut sql, index, conditions, scan, edge);
        push_end(&mut sql, size, scan);
        return sql;
    };
    // Each form of an address is in the order of time; few records have the mapped one.
    let skipped = i64::try_from(scan.skipped).unwrap_or(i64::MAX);
    let most = i64::from(size).saturating_add(1).saturating_add(skipped);
    sql.push(concat!("select ", column_list!(), " from (("));
    push_walk(&mut sql, index, conditions, scan, edge);
    sql.push(scan.direction.order()).push(" limit ").push_bind(most).push(") union all (");
    push_walk(&mut sql, mapped, conditions, scan, edge);
    sql.push(scan.direction.order()).push(" limit ").push_bind(most);
    sql.push(")) both_forms order by ");
    push_end(&mut sql, size, scan);
    sql
}

/// Adds the statement of a walk up to the start of its ORDER BY.
fn push_walk(
    sql: &mut Sql,
    index: DrivingIndex<'_>,
    conditions: &Conditions<'_>,
    scan: Scan,
    edge: Option<PgTime>,
) {
    sql.push(concat!("select ", column_list!()));
    conditions.push_from_where_but(sql, index);
    index.push_condition(sql);
    scan.push_start(sql);
    scan.push_window(sql, edge);
    index.push_order(sql, scan.direction);
}

/// Collects the matches in a window of time, or all, and takes the first.
///
/// Materialized, because the planner would otherwise assume that matches are spread evenly over time and
/// that it can stop early. This statement runs when they are not, or are few.
pub(in crate::records) fn matches(
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    edge: Option<PgTime>,
) -> Sql {
    let mut sql = Sql::new(concat!("with matches as materialized (select ", column_list!()));
    conditions.push_from_where(&mut sql);
    scan.push_start(&mut sql);
    scan.push_window(&mut sql, edge);
    sql.push(concat!(") select ", column_list!(), " from matches order by "));
    push_end(&mut sql, size, scan);
    sql
}

fn push_end(sql: &mut Sql, size: u16, scan: Scan) {
    sql.push(scan.direction.order()).push(" limit ").push_bind(i64::from(size) + 1);
    if scan.skipped > 0 {
        sql.push(" offset ").push_bind(i64::try_from(scan.skipped).unwrap_or(i64::MAX));
    }
}
