//! Counts by actor, by action, by target and by stretch of time.

mod interval;

use auditrail_core::{
    Action, Actor, ActorId, ActorType, Filters, Position, RecordTime, Target, TargetId, TargetType,
};

pub use self::interval::Interval;
use super::filters::Conditions;
use super::lead::{self, Effort};
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// Most buckets a summary lists: the latest ones with records, a year of days.
pub const BUCKETS_MAX: u16 = 366;

/// Most records that a summary of recent ones looks at by time alone, ties at the end aside.
pub const RECENT_MAX: u32 = 100_000;

/// The same by a value that an index has in the order of time. Fewer, because each lies on a page of its
/// own: either takes some half a second.
pub const RECENT_OF_VALUE_MAX: u32 = 25_000;

/// How many records match, and how they spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Matches that were counted.
    pub total: u64,
    /// From when on they were counted; `None` when all were.
    pub since: Option<RecordTime>,
    /// The busiest actors, most records first.
    pub actors: Vec<ActorCount>,
    /// The most frequent actions, most records first.
    pub actions: Vec<ActionCount>,
    /// The targets most was done to, most records first.
    pub targets: Vec<TargetCount>,
    /// How long a bucket is.
    pub interval: Interval,
    /// The latest [`BUCKETS_MAX`] buckets with records, earliest first.
    pub buckets: Vec<BucketCount>,
}

/// What to summarize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryOptions {
    /// Most actors, actions and targets that are listed.
    pub top: u16,
    /// How long a bucket is; `None` takes the shortest that shows all counted time.
    pub interval: Option<Interval>,
    /// Whether to count recent records alone.
    ///
    /// Those are the newest [`RECENT_OF_VALUE_MAX`] that an index finds by the rarest of the filters, or
    /// the newest [`RECENT_MAX`] of all where no filter is one an index has in the order of time.
    /// Otherwise every match is read.
    pub recent: bool,
}

/// How many records an actor has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorCount {
    /// Who.
    pub actor: Actor,
    /// Records.
    pub count: u64,
}

/// How many records an action has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCount {
    /// What.
    pub action: Action,
    /// Records.
    pub count: u64,
}

/// How many records a target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetCount {
    /// What.
    pub target: Target,
    /// Records.
    pub count: u64,
}

/// How many records a stretch of time has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketCount {
    /// When it starts: a whole minute, hour or day in UTC.
    pub start: RecordTime,
    /// Records.
    pub count: u64,
}

/// Counts what matches; the caller gives a connection in a transaction with one snapshot.
pub(super) async fn summary(
    mut db: Db<'_>,
    filters: &Filters,
    options: SummaryOptions,
) -> Result<Summary, StoreError> {
    let SummaryOptions { top, interval, recent } = options;
    let since = if recent { start_of_recent(db.again(), filters).await? } else { None };
    let counted = Counted { conditions: Conditions::of(db.again(), filters).await?, since };
    let (total, span) = total(db.again(), &counted).await?;
    let interval = interval.unwrap_or_else(|| Interval::to_show(span));
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

async fn start_of_recent(db: Db<'_>, filters: &Filters) -> Result<Option<PgTime>, StoreError> {
    let effort = Effort {
        time_records: RECENT_MAX,
        value_records: RECENT_OF_VALUE_MAX,
        ..Effort::default()
    };
    let (_, stretch) = lead::rarest(db, filters, Position::default(), effort).await?;
    Ok(stretch.map(|stretch| stretch.start))
}

/// What is counted.
struct Counted<'a> {
    conditions: Conditions<'a>,
    since: Option<PgTime>,
}

impl Counted<'_> {
    fn push_from_where(&self, sql: &mut Sql) {
        self.conditions.push_from_where(sql);
        if let Some(since) = self.since {
            sql.push(" and created_at >= ").push_bind(since);
        }
    }
}

/// How many there are, and how many microseconds lie between the first and the last.
async fn total(db: Db<'_>, counted: &Counted<'_>) -> Result<(u64, i64), StoreError> {
    let mut sql = Sql::new("select count(*), min(created_at), max(created_at)");
    counted.push_from_where(&mut sql);
    let rows = read(db, sql, |row| {
        let (first, last): (Option<PgTime>, Option<PgTime>) = (row.get(1)?, row.get(2)?);
        let micros = |time: Option<PgTime>| time.map_or(0, |PgTime(time)| time.unix_micros());
        Ok((counted_in(row)?, micros(last).saturating_sub(micros(first))))
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
        Ok(ActorCount { actor: Actor::new(kind, id).map_err(decode)?, count: counted_in(row)? })
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
        Ok(ActionCount {
            action: Action::from_stored(row.get::<&str>(1)?),
            count: counted_in(row)?,
        })
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
        Ok(TargetCount { target: Target::new(kind, id), count: counted_in(row)? })
    })
    .await
}

/// Times we cannot print count for the first or last that we can, as they are shown.
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
        Ok(BucketCount { start, count: counted_in(row)? })
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

fn counted_in(row: &Row) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(row.get::<i64>(0)?).unwrap_or(0))
}

fn decode(error: auditrail_core::ValueError) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
