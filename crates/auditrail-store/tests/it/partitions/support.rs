//! Shared helpers.

use auditrail_store::migrate::{Applied, Runner, silent};
use auditrail_store::partitions::{Layout, Partition, layout};
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

/// A database with the newest schema, whose table is not partitioned.
pub(crate) async fn plain() -> TestDb {
    let db = TestDb::empty().await;
    Runner::new(db.owner()).up(Some(1), &mut silent).await.unwrap();
    db.as_owner("create view public.dependent as select id from control_plane.audit_logs").await;
    assert!(migrate(&db).await.not_partitioned.is_some());
    db.as_owner("drop view public.dependent").await;
    db
}

/// Applies the pending migrations, and partitions a small table.
pub(crate) async fn migrate(db: &TestDb) -> Applied {
    Runner::new(db.owner()).up(None, &mut silent).await.unwrap()
}

pub(crate) async fn partitions(db: &mut PgConnection) -> Vec<Partition> {
    match layout(db).await.unwrap() {
        Layout::Partitioned { partitions } => partitions,
        plain @ Layout::Plain { .. } => panic!("{plain:?}"),
    }
}

/// The names of the partitions.
pub(crate) async fn names(db: &mut PgConnection) -> Vec<String> {
    partitions(db).await.into_iter().map(|partition| partition.name).collect()
}

/// An id with a time, `seconds` from now.
pub(crate) fn timed_id(seconds: i32) -> String {
    format!(
        "(lpad(to_hex(floor(extract(epoch from clock_timestamp() + interval '{seconds} s') * 1000)::bigint),
               12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"
    )
}

/// Inserts `count` records whose ids are the values of an expression.
pub(crate) async fn insert(db: &mut PgConnection, id: &str, count: u32) {
    run(
        db,
        &format!(
            "insert into control_plane.audit_logs
                 (id, actor_id, actor_type, action, target_type, target_id, metadata)
             select {id}, 'u' || n % 10, 'user', 'project.created', 'project', 'p' || n,
                    jsonb_build_object('n', n)
               from generate_series(1, {count}) n"
        ),
    )
    .await;
}

/// Runs statements that must succeed.
pub(crate) async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(db)
        .await
        .unwrap_or_else(|e| panic!("`{sql}` failed: {e}"));
}

/// The only value of the only row.
pub(crate) async fn one<T>(db: &mut PgConnection, sql: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(db)
        .await
        .unwrap_or_else(|e| panic!("`{sql}` failed: {e}"))
}

/// The number of records, and a digest of all their values.
pub(crate) async fn contents(db: &mut PgConnection) -> (i64, String) {
    sqlx::query_as(
        "select count(*), coalesce(md5(string_agg(md5(log::text), '' order by id)), '')
           from control_plane.audit_logs log",
    )
    .fetch_one(db)
    .await
    .unwrap()
}
