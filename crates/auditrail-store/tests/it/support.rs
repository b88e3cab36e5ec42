//! Shared helpers.

use auditrail_core::{
    Action, Actor, CreateInput, CursorKey, Filters, Query, Record, RecordId, RecordTime,
    RecordedBy, Target,
};
use auditrail_store::PgAuditLog;
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use uuid::Uuid;

/// 2026-01-02T03:04:05Z.
pub(crate) const START_MICROS: i64 = 1_767_323_045_000_000;

/// The log in the database, as the role of an application.
pub(crate) async fn log(db: &TestDb) -> PgAuditLog {
    PgAuditLog::new(db.pool(db.app()).await, CursorKey::public())
}

pub(crate) fn id(number: u32) -> RecordId {
    Uuid::from_u128(number.into()).into()
}

/// `seconds` after [`START_MICROS`].
pub(crate) fn time(seconds: u32) -> RecordTime {
    RecordTime::from_unix_micros(START_MICROS + i64::from(seconds) * 1_000_000).unwrap()
}

pub(crate) fn input() -> CreateInput {
    let target: Target = "project:p1".parse().unwrap();
    CreateInput::new(Actor::user("u1").unwrap(), Action::ProjectCreated, target)
}

/// A plain record with this id and time.
pub(crate) fn record(number: u32, seconds: u32) -> Record {
    input().into_record(id(number), time(seconds))
}

/// The record as the table has it after [`TestDb::app`] wrote it.
pub(crate) fn stored(record: Record) -> Record {
    Record { recorded_by: Some(RecordedBy::from_stored("role:auditrail_app")), ..record }
}

/// Runs statements without parameters.
pub(crate) async fn sql(db: &mut PgConnection, text: &str) {
    db.execute(sqlx::raw_sql(AssertSqlSafe(text.to_owned()))).await.unwrap();
}

/// Allows times outside the range, as in rows from before migration 014.
pub(crate) async fn allow_any_time(owner: &mut PgConnection) {
    let drop = "alter table control_plane.audit_logs drop constraint audit_logs_created_at_check";
    sql(owner, drop).await;
}

/// The number in the only row of the result.
pub(crate) async fn number(db: &mut PgConnection, text: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(text.to_owned())).fetch_one(db).await.unwrap()
}

/// A trigger that skips the first INSERTs of record 1. For a writer this is equivalent to an id that is
/// taken, and whose record is deleted before the comparison.
pub(crate) fn skip_record_1(inserts: u32) -> String {
    format!(
        "create sequence public.inserts;
         create function public.skip() returns trigger language plpgsql security definer as $$
         begin
             return case when new.id::text like '%01' and nextval('public.inserts') <= {inserts}
                         then null else new end;
         end $$;
         create trigger skip before insert on control_plane.audit_logs
             for each row execute function public.skip()"
    )
}

/// Waits until a session of this database waits for a lock, and returns its process id.
pub(crate) async fn blocked_session(db: &mut PgConnection) -> i32 {
    loop {
        let pid = sqlx::query_scalar(
            "select pid from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_optional(&mut *db)
        .await
        .unwrap();
        if let Some(pid) = pid {
            return pid;
        }
    }
}

pub(crate) fn by(filters: Filters) -> Query {
    Query { filters, ..Query::default() }
}
