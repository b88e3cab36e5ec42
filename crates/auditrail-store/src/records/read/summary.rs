//! Counts by actor, action, target and time.

mod interval;

use auditrail_core::{
    Action, Actor, ActorId, ActorType, Filters, Interval, RecordTime, Target, TargetId, TargetType,
};
use uuid::Uuid;

pub use self::interval::BUCKETS_MAX;
use super::conditions::Conditions;
use super::driving_index::{self, DrivingIndex, ScanBudget};
use super::scan::Scan;
use super::text_search::{self, NewestIds, TextBudget};
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Most records that a summary of recent records counts by time alone, ties aside.
pub const RECENT_MAX: u32 = 100_000;

/// As [`RECENT_MAX`] when an index serves a filter. Fewer, because each record lies on a page of its own;
/// either limit takes about half a second.
pub const RECENT_OF_VALUE_MAX: u32 = 25_000;

/// How many records match, and how they are distributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Number of counted matches.
    pub total: u64,
    /// The oldest counted time; `None` when all matches were counted.
    pub since: Option<RecordTime>,
    /// The busiest actors, most records first.
    pub actors: Vec<ActorCount>,
    /// The most frequent actions, most records first.
    pub actions: Vec<ActionCount>,
    /// The most frequent targets, most records first.
    pub targets: Vec<TargetCount>,
    /// The length of a bucket.
    pub interval: Interval,
    /// The latest [`BUCKETS_MAX`] buckets with records, earliest first.
    pub buckets: Vec<BucketCount>,
}

/// What to summarize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryOptions {
    /// Most actors, actions and targets that are listed.
    pub top: u16,
    /// The length of a bucket; `None` takes the shortest whose buckets cover all counted time.
    pub interval: Option<Interval>,
    /// Whether to count recent records only.
    ///
    /// Those are the newest [`RECENT_OF_VALUE_MAX`] that an index finds by the most selective of the filters, or
    /// the newest [`RECENT_MAX`] of all where no filter is one an index has in the order of time. With a tenant
    /// they are the newest [`RECENT_OF_VALUE_MAX`] of that tenant, or [`RECENT_MAX`] if another filter has an index.
    /// Otherwise every match is read.
    ///
    /// With words or phrases in the expression only the newest [`RECENT_OF_VALUE_MAX`] matches are counted in
    /// either case, or those that are found in two seconds.
    pub recent: bool,
}

/// How many records an actor has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorCount {
    /// The actor.
    pub actor: Actor,
    /// Number of matching records.
    pub count: u64,
}

/// How many records an action has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCount {
    /// The action.
    pub action: Action,
    /// Number of matching records.
    pub count: u64,
}

/// How many records a target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetCount {
    /// The target.
    pub target: Target,
    /// Number of matching records.
    pub count: u64,
}

/// How many records a bucket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketCount {
    /// Its start: a whole minute, hour or day in UTC.
    pub start: RecordTime,
    /// Number of matching records.
    pub count: u64,
}

/// Counts the matches; the connection is in a transaction with one snapshot.
pub(in crate::records) async fn summary(
    mut db: Db<'_>,
    filters: &Filters,
    options: SummaryOptions,
) -> Result<Summary, StoreError> {
    let SummaryOptions { top, interval, recent } = options;
    let filters = &*filters.simplified();
    let conditions = Conditions::of(db.again(), filters).await?;
    let (ids, since) = if conditions.has_text() {
        let (most, budget) = (RECENT_OF_VALUE_MAX, TextBudget::default());
        let NewestIds { ids, since } =
            text_search::newest_ids(db.again(), &conditions, most, budget).await?;
        (Some(ids), since.map(PgTime))
    } else if recent {
        let records = (RECENT_MAX, RECENT_OF_VALUE_MAX);
        (None, start_of_recent(db.again(), filters, records).await?)
    } else {
        (None, None)
    };
    let counted = Counted { conditions, since, ids };
    let (total, span) = total(db.again(), &counted).await?;
    let interval = interval.unwrap_or_else(|| interval::covering(span));
    Ok(Summary {
        total,
        since: since.map(|PgTime(since)| since),
        actors: by_actor(db.again(), &counted, top).await?,
        actions: by_action(db.again(), &counted, top).await?,
        targets: by_target(db.again(), &counted, top).await?,
        interval,
        buckets: by_time(db, &counted, interval).await?,
    })
}

/// The time from which records are counted, if not all of them are: so many by time, or so many of a value.
///
/// It is part of the result, so for one tenant it depends on the records of that tenant alone: that of an
/// index of actors would tell how many records other tenants have of an actor.
pub(super) async fn start_of_recent(
    db: Db<'_>,
    filters: &Filters,
    (time_records, of_value): (u32, u32),
) -> Result<Option<PgTime>, StoreError> {
    let mut indexes = DrivingIndex::of(filters);
    let mut value_records = of_value;
    if filters.tenant_id.is_some() {
        if indexes.len() > 1 {
            // Another index helps to count, so more of the tenant's records take as long.
            value_records = time_records;
        }
        indexes.retain(|index| index.is("tenant_id"));
    }
    let budget = ScanBudget { time_records, value_records, ..ScanBudget::default() };
    let scan = Scan::newest_first();
    let (_, window) = driving_index::most_selective_of(indexes, db, filters, scan, budget).await?;
    Ok(window.map(|window| window.edge))
}

/// The records to count.
struct Counted<'a> {
    conditions: Conditions<'a>,
    since: Option<PgTime>,
    /// Their ids, if they were found before.
    ids: Option<Vec<Uuid>>,
}

impl Counted<'_> {
    fn push_from_where(&self, sql: &mut Sql) {
        if let Some(ids) = &self.ids {
            // Looked up one by one: for a join the planner might read the whole table.
            sql.push(" from unnest(").push_bind_array(ids.iter().copied()).push(
                ") matched (matched_id) cross join lateral
                   (select * from control_plane.audit_logs where id = matched_id offset 0) records",
            );
            return;
        }
        self.conditions.push_from_where(sql);
        if let Some(since) = self.since {
            sql.push(" and created_at >= ").push_bind(since);
        }
    }
}

/// The number of records, and the microseconds between the first and the last.
async fn total(db: Db<'_>, counted: &Counted<'_>) -> Result<(u64, i64), StoreError> {
    let mut sql = Sql::new("select count(*), min(created_at), max(created_at)");
    counted.push_from_where(&mut sql);
    let rows = read(db, sql, |row| {
        let (first, last): (Option<PgTime>, Option<PgTime>) = (row.get(1)?, row.get(2)?);
        let micros = |time: Option<PgTime>| time.map_or(0, |PgTime(time)| time.unix_micros());
        Ok((count_of(row)?, micros(last).saturating_sub(micros(first))))
    })
    .await?;
    Ok(rows.first().copied().unwrap_or_default())
}

async fn by_actor(
    db: Db<'_>,
    counted: &Counted<'_>,
    top: u16,
) -> Result<Vec<ActorCount>, StoreError> {
    let mut sql = Sql::new("select count(*), actor_type, actor_id");
    counted.push_from_where(&mut sql);
    sql.push(" group by actor_type, actor_id order by 1 desc, 2, 3 limit ")
        .push_bind(i64::from(top));
    read(db, sql, |row| {
        let kind: ActorType = row.get::<&str>(1)?.parse().map_err(decode)?;
        let id = ActorId::from_stored(row.get::<&str>(2)?);
        Ok(ActorCount { actor: Actor::new(kind, id).map_err(decode)?, count: count_of(row)? })
    })
    .await
}

async fn by_action(
    db: Db<'_>,
    counted: &Counted<'_>,
    top: u16,
) -> Result<Vec<ActionCount>, StoreError> {
    let mut sql = Sql::new("select count(*), action");
    counted.push_from_where(&mut sql);
    sql.push(" group by action order by 1 desc, 2 limit ").push_bind(i64::from(top));
    read(db, sql, |row| {
        Ok(ActionCount { action: Action::from_stored(row.get::<&str>(1)?), count: count_of(row)? })
    })
    .await
}

async fn by_target(
    db: Db<'_>,
    counted: &Counted<'_>,
    top: u16,
) -> Result<Vec<TargetCount>, StoreError> {
    let mut sql = Sql::new("select count(*), target_type, target_id");
    counted.push_from_where(&mut sql);
    sql.push(" group by target_type, target_id order by 1 desc, 2, 3 limit ")
        .push_bind(i64::from(top));
    read(db, sql, |row| {
        let kind = TargetType::from_stored(row.get::<&str>(1)?);
        let id = TargetId::from_stored(row.get::<&str>(2)?);
        Ok(TargetCount { target: Target::new(kind, id), count: count_of(row)? })
    })
    .await
}

/// Times outside the printable range count as its first or last time.
async fn by_time(
    db: Db<'_>,
    counted: &Counted<'_>,
    interval: Interval,
) -> Result<Vec<BucketCount>, StoreError> {
    let first = RecordTime::from_stored_micros(RecordTime::MIN_UNIX_MICROS);
    let last = RecordTime::from_stored_micros(RecordTime::MAX_UNIX_MICROS);
    let mut sql = Sql::new("select count(*), date_trunc(");
    sql.push_bind(interval.as_str()).push(", greatest(").push_bind(PgTime(first));
    sql.push(", least(").push_bind(PgTime(last)).push(", created_at)), 'UTC')");
    counted.push_from_where(&mut sql);
    sql.push(" group by 2 order by 2 desc limit ").push_bind(i64::from(BUCKETS_MAX));
    let mut buckets = read(db, sql, |row| {
        let PgTime(start) = row.get(1)?;
        Ok(BucketCount { start, count: count_of(row)? })
    })
    .await?;
    buckets.reverse();
    Ok(buckets)
}

async fn read<T>(
    mut db: Db<'_>,
    sql: Sql,
    one: impl Fn(&Row) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, StoreError> {
    let rows = db.fetch(&sql.unprepared()).await;
    rows.and_then(|rows| rows.iter().map(one).collect())
        .map_err(StoreError::while_trying_to("summarize records"))
}

fn count_of(row: &Row) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(row.get::<i64>(0)?).unwrap_or(0))
}

fn decode(error: auditrail_core::ValueError) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
