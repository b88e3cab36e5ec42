//! Counts by actor, by action, by target and by day.

use auditrail_core::{
    Action, Actor, ActorId, ActorType, Filters, RecordTime, Target, TargetId, TargetType,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::count;
use super::filters::Conditions;
use crate::error::StoreError;
use crate::wire::PgTime;

/// Most days a summary lists: the latest ones with records, a year of them.
pub const DAYS_MAX: u16 = 366;

/// How many records match, and how they spread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All matches.
    pub total: u64,
    /// The busiest actors, most records first.
    pub actors: Vec<ActorCount>,
    /// The most frequent actions, most records first.
    pub actions: Vec<ActionCount>,
    /// The targets most was done to, most records first.
    pub targets: Vec<TargetCount>,
    /// The latest [`DAYS_MAX`] days with records, in UTC, earliest first.
    pub days: Vec<DayCount>,
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

/// How many records a day has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// The day, in UTC.
    pub day: Date,
    /// Records.
    pub count: u64,
}

/// Counts what matches; the caller gives a connection in a transaction with one snapshot.
pub(super) async fn summary(
    db: &mut PgConnection,
    filters: &Filters,
    top: u16,
) -> Result<Summary, StoreError> {
    let conditions = Conditions::of(db, filters).await?;
    Ok(Summary {
        total: count::exact(db, &conditions).await?,
        actors: by_actor(db, &conditions, top).await?,
        actions: by_action(db, &conditions, top).await?,
        targets: by_target(db, &conditions, top).await?,
        days: by_day(db, &conditions).await?,
    })
}

async fn by_actor(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
    top: u16,
) -> Result<Vec<ActorCount>, StoreError> {
    let mut sql = QueryBuilder::new("select count(*), actor_type, actor_id");
    conditions.push_from_where(&mut sql);
    sql.push(" group by actor_type, actor_id order by 1 desc, 2, 3 limit ")
        .push_bind(i64::from(top));
    read(db, sql, |row| {
        let kind: ActorType = row.try_get::<&str, _>(1)?.parse().map_err(decode)?;
        let id = ActorId::from_stored(row.try_get::<&str, _>(2)?);
        Ok(ActorCount { actor: Actor::new(kind, id).map_err(decode)?, count: counted(row)? })
    })
    .await
}

async fn by_action(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
    top: u16,
) -> Result<Vec<ActionCount>, StoreError> {
    let mut sql = QueryBuilder::new("select count(*), action");
    conditions.push_from_where(&mut sql);
    sql.push(" group by action order by 1 desc, 2 limit ").push_bind(i64::from(top));
    read(db, sql, |row| {
        Ok(ActionCount {
            action: Action::from_stored(row.try_get::<&str, _>(1)?),
            count: counted(row)?,
        })
    })
    .await
}

async fn by_target(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
    top: u16,
) -> Result<Vec<TargetCount>, StoreError> {
    let mut sql = QueryBuilder::new("select count(*), target_type, target_id");
    conditions.push_from_where(&mut sql);
    sql.push(" group by target_type, target_id order by 1 desc, 2, 3 limit ")
        .push_bind(i64::from(top));
    read(db, sql, |row| {
        let kind = TargetType::from_stored(row.try_get::<&str, _>(1)?);
        let id = TargetId::from_stored(row.try_get::<&str, _>(2)?);
        Ok(TargetCount { target: Target::new(kind, id), count: counted(row)? })
    })
    .await
}

/// Times we cannot print count for the first or last day we can, as they are shown.
async fn by_day(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
) -> Result<Vec<DayCount>, StoreError> {
    let first = RecordTime::from_stored_micros(RecordTime::MIN_UNIX_MICROS);
    let last = RecordTime::from_stored_micros(RecordTime::MAX_UNIX_MICROS);
    let mut sql = QueryBuilder::new("select count(*), date_trunc('day', greatest(");
    sql.push_bind(PgTime(first))
        .push(", least(")
        .push_bind(PgTime(last))
        .push(", created_at)), 'UTC')");
    conditions.push_from_where(&mut sql);
    sql.push(" group by 2 order by 2 desc limit ").push_bind(i64::from(DAYS_MAX));
    let mut days = read(db, sql, |row| {
        let PgTime(midnight) = row.try_get(1)?;
        Ok(DayCount {
            day: TimeZone::UTC.to_datetime(midnight.timestamp()).date(),
            count: counted(row)?,
        })
    })
    .await?;
    days.reverse();
    Ok(days)
}

async fn read<T>(
    db: &mut PgConnection,
    mut sql: QueryBuilder<Postgres>,
    one: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, StoreError> {
    let rows = sql.build().persistent(false).fetch_all(db).await;
    rows.and_then(|rows| rows.iter().map(one).collect())
        .map_err(StoreError::while_trying_to("summarize records"))
}

fn counted(row: &PgRow) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
}

fn decode(error: auditrail_core::ValueError) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
