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

mod ranges;

use auditrail_core::Record;

use super::conditions::Conditions;
use super::driving_index::{self, DrivingIndex, ScanBudget};
use super::scan::{Direction, Scan};
use super::text_step::TextStep;
use crate::db::{Db, Rows};
use crate::error::StoreError;
use crate::records::columns::{self, column_list};
use crate::sql::Sql;
use crate::value::PgTime;
use crate::words::range::Range;

/// Bytes of rows at which a page ends early. A page of the maximum size has 4 kB for each record.
pub(in crate::records) const PAGE_MAX_BYTES: usize = 4 * 1_024 * 1_024;

/// How many longer windows are tried before all of the time is searched.
const LONGER_WINDOWS: usize = 3;

/// Settings for collecting all matches and sorting them, by indexes, with a plan for their values. Without them the planner, where it
/// overestimates the matches, reads the whole table; but this step runs only when matches are few. On an
/// SSD a few random pages are also quicker than all pages of a long window. With the default `work_mem`
/// of 4 MB the bitmap of a million records is lossy, and every page in it would be rechecked.
pub(in crate::records) const COLLECT: &str = "select set_config('enable_sort', 'on', true),
                             set_config('enable_incremental_sort', 'on', true),
                             set_config('plan_cache_mode', 'force_custom_plan', true),
                             set_config('enable_seqscan', 'off', true),
                             set_config('random_page_cost', '1.1', true),
                             set_config('work_mem', '32MB', true)";

/// Undoes what [`COLLECT`] changes for walking an index with a plan for the values.
pub(in crate::records) const NO_SORT: &str = "select set_config('enable_sort', 'off', true)";

/// Reads the first matches of a scan, in its order, and whether more records follow. A page of large records ends early, so that the
/// rows of one search take only some megabytes.
///
/// The walks have one plan each. What collects matches is planned anew for each execution: a good plan for the
/// busiest actor is a bad one for an actor with three records.
pub(in crate::records) async fn page(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(Vec<Record>, bool), StoreError> {
    let (found, _) = first(db, conditions, &Wanted::Page(size), scan, budget).await?;
    let wanted = usize::from(size);
    let records = found.rows.iter().take(wanted).map(columns::record);
    let has_more = found.is_truncated || found.rows.len() > wanted;
    Ok((records.collect::<Result<_, _>>()?, has_more))
}

/// Reads and judges the candidates of a step of a search in text, in the order of the scan.
///
/// The second value is whether candidates of all time were looked for, not only those of a window.
pub(in crate::records) async fn candidates(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    step: &TextStep,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(Rows, bool), StoreError> {
    first(db, conditions, &Wanted::Judged(step), scan, budget).await
}

/// As [`candidates`], of those in ranges, which are in the order of a scan in this direction and do not overlap.
pub(in crate::records) async fn candidates_in(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    step: &TextStep,
    direction: Direction,
    ranges: &[Range],
) -> Result<Rows, StoreError> {
    let candidates = i64::from(step.candidates);
    let sql = step.statement(conditions, |sql| {
        ranges::push(sql, conditions, direction, ranges, candidates);
    });
    fetch(db, &sql, false).await
}

/// What a search does with the rows that it finds.
enum Wanted<'a> {
    /// Returns so many of them, and one more to learn whether more follow.
    Page(u16),
    /// Judges their text.
    Judged(&'a TextStep),
}

impl Wanted<'_> {
    /// The rows to find.
    fn rows(&self) -> i64 {
        match self {
            Self::Page(size) => i64::from(*size) + 1,
            Self::Judged(step) => i64::from(step.candidates),
        }
    }

    /// The statement, from one that finds the rows.
    fn statement(&self, conditions: &Conditions<'_>, push: impl FnOnce(&mut Sql)) -> Sql {
        match self {
            Self::Page(_) => {
                let mut sql = Sql::default();
                push(&mut sql);
                sql
            }
            Self::Judged(step) => step.statement(conditions, push),
        }
    }

    /// Whether the rows are all that is wanted, or as much of that as may be in memory.
    fn is_full(&self, found: &Rows) -> Result<bool, StoreError> {
        match self {
            Self::Page(size) => Ok(is_full(found, usize::from(*size) + 1)),
            Self::Judged(step) => step.is_enough(found),
        }
    }

    /// The number of rows found, given that they are not all that is wanted.
    fn found(&self, found: &Rows) -> Result<u64, StoreError> {
        match self {
            Self::Page(_) => Ok(found.rows.len() as u64),
            Self::Judged(step) => Ok(step.end(found)?.map_or(0, |end| end.judged)),
        }
    }

    /// Whether the last statement of the scan is that of the transaction.
    const fn is_last(&self, scan: Scan) -> bool {
        matches!(self, Self::Page(_)) && scan.is_last
    }
}

/// Finds the first rows by one index, or by whatever the filters allow; and whether it looked in all of time.
async fn first(
    db: Db<'_>,
    conditions: &Conditions<'_>,
    wanted: &Wanted<'_>,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(Rows, bool), StoreError> {
    match DrivingIndex::only(conditions.filters()) {
        Some(index) => {
            let sql = wanted.statement(conditions, |sql| {
                push_whole_walk(sql, index, conditions, wanted.rows(), scan, None);
            });
            Ok((fetch(db, &sql, wanted.is_last(scan)).await?, true))
        }
        None if conditions.match_nothing() => {
            Ok((Rows { rows: Vec::new(), is_truncated: false }, true))
        }
        None => first_matches(db, conditions, wanted, scan, budget).await,
    }
}

/// Walks one window of the driving index, then collects the matches of longer windows.
async fn first_matches(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    wanted: &Wanted<'_>,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(Rows, bool), StoreError> {
    let walk = |index, edge| {
        wanted.statement(conditions, |sql| {
            push_whole_walk(sql, index, conditions, wanted.rows(), scan, edge);
        })
    };
    let matches = |edge| {
        wanted.statement(conditions, |sql| {
            push_matches(sql, conditions, wanted.rows(), scan, edge);
        })
    };
    let is_last = wanted.is_last(scan);
    let (index, window) =
        driving_index::most_selective(db.again(), conditions.filters(), scan, budget).await?;
    let Some(mut window) = window else {
        return Ok((fetch(db, &walk(index, None), is_last).await?, true));
    };
    let mut found = fetch(db.again(), &walk(index, Some(window.edge)), false).await?;
    if wanted.is_full(&found)? {
        return Ok((found, false));
    }
    let set = db.fetch(&Sql::new(COLLECT)).await;
    set.map_err(StoreError::while_trying_to("change the settings of a search"))?;
    let is_quickly_collected = wanted.found(&found)? == 0 && window.is_most_of(budget.few);
    let longer_windows = if is_quickly_collected { 0 } else { LONGER_WINDOWS };
    let enough = scan.skipped.saturating_add(wanted.rows().unsigned_abs());
    for _ in 0..longer_windows {
        match window.longer(wanted.found(&found)?, enough) {
            Some(longer) => window = longer,
            None => break,
        }
        found = fetch(db.again(), &matches(Some(window.edge)), false).await?;
        if wanted.is_full(&found)? {
            return Ok((found, false));
        }
    }
    Ok((fetch(db, &matches(None), is_last).await?, true))
}

/// Whether the rows are a page and one row more, or as much of that as may be in memory.
const fn is_full(found: &Rows, wanted: usize) -> bool {
    found.rows.len() == wanted || found.is_truncated
}

/// Runs a statement; the last one of a search also ends its transaction.
async fn fetch(mut db: Db<'_>, sql: &Sql, is_last: bool) -> Result<Rows, StoreError> {
    let rows = db.fetch_within(sql, PAGE_MAX_BYTES, is_last).await;
    rows.map_err(StoreError::while_trying_to("read a page of records"))
}

/// The statement of a walk of a page, for tests of its plan.
#[cfg(test)]
pub(in crate::records) fn walk(
    index: DrivingIndex<'_>,
    conditions: &Conditions<'_>,
    size: u16,
    scan: Scan,
    edge: Option<PgTime>,
) -> Sql {
    let mut sql = Sql::default();
    push_whole_walk(&mut sql, index, conditions, i64::from(size) + 1, scan, edge);
    sql
}

/// The statement of candidates in ranges, for tests of its plan.
#[cfg(test)]
pub(in crate::records) fn within(conditions: &Conditions<'_>, direction: Direction) -> Sql {
    let mut sql = Sql::default();
    ranges::push(&mut sql, conditions, direction, &[], 100);
    sql
}

/// Walks the driving index and takes the first rows. [`SEARCH`](super::search::SEARCH) leaves that index as the
/// only plan.
fn push_whole_walk(
    sql: &mut Sql,
    index: DrivingIndex<'_>,
    conditions: &Conditions<'_>,
    rows: i64,
    scan: Scan,
    edge: Option<PgTime>,
) {
    let skipped = i64::try_from(scan.skipped).unwrap_or(i64::MAX);
    let most = rows.saturating_add(skipped);
    let mut before = concat!("select ", column_list!(), " from ((");
    // Each form of an address is in the order of time; few records have the mapped one.
    for form in [Some(index), index.mapped()].into_iter().flatten() {
        sql.push(before);
        push_walk(sql, form, conditions, scan, edge);
        sql.push(scan.direction.of_time());
        sql.push(" fetch first (").push_bind(most).push(") rows with ties)");
        before = " union all (";
    }
    sql.push(") walked order by ");
    push_end(sql, rows, scan);
}

/// Adds the statement of a walk up to the start of its ORDER BY.
///
/// Its order is that of the index, which ends with the time, and not that of a page, which ends with the id: an index
/// on the column alone plus an incremental sort would provide the latter too, and read all records with the value. On a
/// partitioned table the planner takes that for cheaper.
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
fn push_matches(
    sql: &mut Sql,
    conditions: &Conditions<'_>,
    rows: i64,
    scan: Scan,
    edge: Option<PgTime>,
) {
    sql.push(concat!("with matches as materialized (select ", column_list!()));
    conditions.push_from_where_but(sql, DrivingIndex::Time);
    scan.push_start(sql);
    scan.push_window(sql, edge);
    sql.push(concat!(") select ", column_list!(), " from matches order by "));
    push_end(sql, rows, scan);
}

fn push_end(sql: &mut Sql, rows: i64, scan: Scan) {
    sql.push(scan.direction.order()).push(" limit ").push_bind(rows);
    if scan.skipped > 0 {
        sql.push(" offset ").push_bind(i64::try_from(scan.skipped).unwrap_or(i64::MAX));
    }
}
