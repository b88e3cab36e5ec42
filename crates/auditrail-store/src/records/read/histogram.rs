//! Counts by buckets of time, newest first, within a time budget.

mod range;

use std::time::Duration;

use auditrail_core::{Bars, BucketWidth, Filters, RecordTime};
use tokio::time::Instant;

use self::range::Range;
use super::conditions::Conditions;
use super::deadline::{self, Deadline};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// How many matches there are in each bucket of a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeHistogram {
    /// The start of the range, inclusive: that of the filters, else the time of the oldest record that an index
    /// has for one of them. `None` when there is neither.
    pub since: Option<RecordTime>,
    /// The end of the range, exclusive: that of the filters, else just after the newest such record.
    pub until: Option<RecordTime>,
    /// The width of each bucket; `None` without buckets.
    pub width: Option<BucketWidth>,
    /// All buckets of the range, earliest first; none when no record can match.
    pub buckets: Vec<HistogramBucket>,
}

/// How many matches a bucket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramBucket {
    /// Its start. The first bucket may start before the range; only what is in the range counts.
    pub start: RecordTime,
    /// Number of matching records; `None` when they were not counted.
    pub count: Option<u64>,
}

/// How to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramOptions {
    /// Most buckets.
    pub bars: Bars,
    /// How long counting may take. Buckets that are not counted by then have no count.
    pub budget: Duration,
}

/// The part of the budget that one statement should take.
const STATEMENTS: u32 = 8;
/// The part of the budget that a statement for several buckets may take. If that is not sufficient, fewer buckets
/// are tried.
const ATTEMPTS: u32 = 4;
/// By what factor the number of buckets in a statement grows at most.
const LONGER: usize = 4;

/// Counts the matches; the connection is in a transaction with one snapshot.
pub(in crate::records) async fn histogram(
    mut db: Db<'_>,
    filters: &Filters,
    options: HistogramOptions,
) -> Result<TimeHistogram, StoreError> {
    let HistogramOptions { bars, budget } = options;
    let filters = &*filters.simplified();
    let deadline = Deadline::after(budget);
    let range = Range::of(db.again(), filters).await?;
    let (since, until) = (range.since, range.until());
    let Some((first, last)) = range.first_and_last() else {
        return Ok(TimeHistogram { since, until, width: None, buckets: Vec::new() });
    };
    let width = BucketWidth::covering(first, last, bars);
    let starts = width.starts(first, last);
    let mut counts = vec![None; starts.len()];
    let conditions = Conditions::of(db.again(), filters).await?;
    if conditions.match_nothing() {
        counts.fill(Some(0));
    } else {
        count_newest(db, &conditions, &starts, &mut counts, (deadline, budget)).await?;
    }
    let buckets = starts.into_iter().zip(counts);
    let buckets = buckets.map(|(start, count)| HistogramBucket { start, count }).collect();
    Ok(TimeHistogram { since, until, width: Some(width), buckets })
}

/// Counts buckets from the newest on until the deadline.
async fn count_newest(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    starts: &[RecordTime],
    counts: &mut [Option<u64>],
    (deadline, budget): (Deadline, Duration),
) -> Result<(), StoreError> {
    let mut end = starts.len();
    let mut length = 1;
    while let Some(left) = deadline.left().filter(|_| end > 0) {
        let start = end.saturating_sub(length);
        let began = Instant::now();
        // Where many buckets take too long, there is time for fewer of them.
        let timeout = if end - start == 1 { left } else { left.min(budget / ATTEMPTS) };
        deadline::limit_to(db.again(), timeout).await?;
        deadline::attempt(db.again()).await?;
        let slice = count_slice(db.again(), conditions, starts, start..end).await;
        match deadline::unless_timed_out(slice)? {
            Some(slice) => {
                for (count, counted) in counts[start..end].iter_mut().zip(slice) {
                    *count = Some(counted);
                }
                length = next_length(end - start, began.elapsed(), budget / STATEMENTS);
                end = start;
            }
            None if length == 1 => break,
            None => {
                deadline::give_up(db.again()).await?;
                length = (length / LONGER).max(1);
            }
        }
    }
    Ok(())
}

/// How many buckets the next statement should count, if this one counted `length` of them in `elapsed`.
fn next_length(length: usize, elapsed: Duration, target: Duration) -> usize {
    let times = target.as_micros() / elapsed.as_micros().max(1);
    match usize::try_from(times).unwrap_or(LONGER) {
        0 => (length / 2).max(1),
        times => length.saturating_mul(times.min(LONGER)),
    }
}

/// Counts the records of adjacent buckets.
async fn count_slice(
    mut db: Db<'_>,
    conditions: &Conditions<'_>,
    starts: &[RecordTime],
    slice: std::ops::Range<usize>,
) -> Result<Vec<u64>, StoreError> {
    let sql = slice_sql(conditions, starts, slice.clone());
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to("count records"))?;
    let mut counts = vec![0; slice.len()];
    for row in &rows {
        // Times before the first bucket, such as `-infinity`, have the number 0.
        let (number, count): (i64, i64) = row
            .get(0)
            .and_then(|number| Ok((number, row.get(1)?)))
            .map_err(StoreError::while_trying_to("read a row"))?;
        let place = usize::try_from(number).unwrap_or(0).saturating_sub(1);
        if let Some(sum) = counts.get_mut(place) {
            *sum += u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(counts)
}

/// The statement of [`count_slice`].
///
/// Whether an intent is open is not in any index. So all records are counted, by an index alone where one has
/// all the columns, and then the intents that have an outcome, which are found by their own index.
fn slice_sql(
    conditions: &Conditions<'_>,
    starts: &[RecordTime],
    slice: std::ops::Range<usize>,
) -> Sql {
    let mut sql = Sql::new("select bucket, sum(records)::bigint from (").unprepared();
    push_counts(&mut sql, starts, slice.clone(), "count(*)", |sql| {
        conditions.push_from_where_with_closed_intents(sql);
    });
    if conditions.leave_out_intents() {
        sql.push(" union all ");
        push_counts(&mut sql, starts, slice, "-count(*)", |sql| {
            conditions.push_from_where_closed_intents(sql);
        });
    }
    sql.push(") counted group by bucket");
    sql
}

fn push_counts(
    sql: &mut Sql,
    starts: &[RecordTime],
    slice: std::ops::Range<usize>,
    count: &str,
    push_from_where: impl FnOnce(&mut Sql),
) {
    let times = starts[slice.clone()].iter().map(|start| PgTime(*start));
    sql.push("select width_bucket(created_at, ").push_bind_array(times);
    sql.push(")::bigint as bucket, ").push(count).push(" as records");
    push_from_where(sql);
    // Outside the outermost buckets is only what the range of the filters allows.
    if slice.start > 0 {
        sql.push(" and created_at >= ").push_bind(PgTime(starts[slice.start]));
    }
    if let Some(end) = starts.get(slice.end) {
        sql.push(" and created_at < ").push_bind(PgTime(*end));
    }
    sql.push(" group by 1");
}
