//! Shared helpers: a log with old partitions, and runs on it.

use std::path::Path;
use std::time::Duration;

use auditrail_core::{Actor, NewRetentionRule, RequestContext};
use auditrail_store::archive::ArchiveDir;
use auditrail_store::{
    PgRetention, RetentionError, RetentionOptions, RetentionPlan, RetentionReport, RetentionRun,
    RetentionStep, RunLimits,
};
use auditrail_testkit::TestDb;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::sql;

/// Small enough that every table takes several steps.
pub(crate) const LIMITS: RunLimits = RunLimits {
    rows: 7,
    archived: 20,
    kept_max: 50,
    hot_rows: 180_000,
    hot_look: Duration::from_secs(5),
    pauses: false,
};

/// A log with two closed partitions, of January and of February 2024, beside those of a new log.
pub(crate) async fn with_closed_partitions() -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner(CLOSED).await;
    db
}

/// A log whose table is not partitioned.
pub(crate) async fn plain() -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner(
        "alter table control_plane.audit_logs rename to former;
         create table control_plane.audit_logs (like control_plane.former including all);
         create trigger audit_logs_append_only before update or delete on control_plane.audit_logs
             for each statement execute function control_plane.refuse_audit_log_change();
         create trigger audit_logs_append_only_row before update or delete on control_plane.audit_logs
             for each row execute function control_plane.refuse_audit_log_change();
         grant select, insert on control_plane.audit_logs to auditrail_service, auditrail_app",
    )
    .await;
    db
}

const CLOSED: &str = "
    do $closed$
    declare
        bounds constant uuid[] := array['018cc251f400-0000-0000-000000000000',
            '018d61f7f800-0000-0000-000000000000', '018df74f6000-0000-0000-000000000000'];
        hot_from text := substring(pg_get_expr(relpartbound, oid) from 'FROM \\(''([^'']+)''')
            from pg_class where oid = 'control_plane.audit_logs_hot'::regclass;
        name text;
    begin
        alter table control_plane.audit_logs_rest drop constraint audit_logs_rest_ids;
        execute format('alter table control_plane.audit_logs_rest add constraint audit_logs_rest_ids
            check (id < %L or id >= %L)', bounds[1], '03bb2cc3-d800-0000-0000-000000000000');
        for part in 1..3 loop
            name := format('control_plane.audit_logs_t%s', left(replace(bounds[part]::text, '-', ''), 12));
            execute format('create table %s partition of control_plane.audit_logs for values from (%L) to (%L)',
                name, bounds[part], coalesce(bounds[part + 1], hot_from::uuid));
            execute format('create trigger audit_logs_append_only before update or delete on %s
                for each statement execute function control_plane.refuse_audit_log_change()', name);
            execute format('create trigger audit_logs_append_only_truncate before truncate on %s
                for each statement execute function control_plane.refuse_audit_log_change()', name);
            execute format('alter table only %s enable always trigger audit_logs_append_only,
                enable always trigger audit_logs_append_only_truncate', name);
        end loop;
    end $closed$";

/// The partition of January 2024.
pub(crate) const JANUARY: &str = "audit_logs_t018cc251f400";

/// SQL that writes `count` records, a minute apart, with ids of their times.
pub(crate) fn records(count: u32, from: &str, tenant: &str, action: &str) -> String {
    format!(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, metadata, tenant_id, created_at)
         select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0')
                    || '7' || substr(gen_random_uuid()::text, 16))::uuid,
                'u' || n % 5, 'user', '{action}', 'project', 'p' || n,
                jsonb_build_object('n', n, 'text', repeat('ä', n % 3), 'number', 1.00),
                nullif('{tenant}', ''), at
           from generate_series(1, {count}) n,
                lateral (select timestamptz '{from}' + n * interval '1 minute') t(at)"
    )
}

pub(crate) async fn write(db: &TestDb, count: u32, from: &str, tenant: &str, action: &str) {
    sql(&mut db.connect(db.app()).await, &records(count, from, tenant, action)).await;
}

/// Sets a rule as the service; a negative number of days keeps for ever.
pub(crate) async fn rule(db: &TestDb, tenant: &str, action: &str, days: i64) {
    let retention = PgRetention::new(db.pool(db.service()).await);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let new = NewRetentionRule {
        tenant_id: some(tenant).map(|text| text.parse().unwrap()),
        action: some(action).map(|text| text.parse().unwrap()),
        keep_days: (days >= 0).then(|| auditrail_core::KeepDays::new(days).unwrap()),
    };
    retention.set(&new, &Actor::System, &RequestContext::default()).await.unwrap();
}

pub(crate) fn retention(db: &TestDb) -> RetentionRun {
    RetentionRun::new(db.owner())
}

pub(crate) async fn plan(db: &TestDb) -> RetentionPlan {
    retention(db).plan(&mut |_| {}).await.unwrap()
}

/// Runs retention in small steps.
pub(crate) async fn run(db: &TestDb) -> Result<RetentionReport, RetentionError> {
    run_with(db, None, &mut |_| {}).await
}

pub(crate) async fn run_with(
    db: &TestDb,
    archive: Option<&Path>,
    on_step: &mut (dyn FnMut(RetentionStep) + Send),
) -> Result<RetentionReport, RetentionError> {
    let archive = archive.map(|dir| ArchiveDir::open(dir).unwrap());
    let options =
        RetentionOptions { by: Actor::System, archive, stop: &|| false, on_step, limits: LIMITS };
    retention(db).run(options).await
}

/// The lines that archives have, of all records of the log but those about retention, ordered by id.
pub(crate) async fn contents(db: &TestDb) -> Vec<String> {
    texts(
        db,
        "select r::text from control_plane.audit_logs r
          where action not like 'audit\\_log.retention\\_%' order by id",
    )
    .await
}

/// The texts in the only column.
pub(crate) async fn texts(db: &TestDb, query: &str) -> Vec<String> {
    let mut owner = db.connect(db.owner()).await;
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_all(&mut owner).await.unwrap()
}

pub(crate) async fn count(db: &TestDb, condition: &str) -> i64 {
    let mut owner = db.connect(db.owner()).await;
    crate::support::number(
        &mut owner,
        &format!("select count(*) from control_plane.audit_logs where {condition}"),
    )
    .await
}

/// The metadata of the records of runs, oldest first.
pub(crate) async fn run_records(db: &TestDb) -> Vec<Value> {
    let records = texts(
        db,
        "select metadata::text from control_plane.audit_logs
          where action = 'audit_log.retention_run' order by created_at, id",
    )
    .await;
    records.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// Checks that the schema is as expected, partitions included.
pub(crate) async fn verify_schema(db: &TestDb) {
    let runner = auditrail_store::migrate::Runner::new(db.owner());
    let (_, differences) = runner.verify().await.unwrap();
    // Tests replace the function that looks holds up.
    let differences: Vec<String> = differences
        .iter()
        .map(ToString::to_string)
        .filter(|text| !text.starts_with("function control_plane.audit_log_is_held("))
        .collect();
    assert_eq!(differences, Vec::<String>::new());
}

/// The names of tables in the schema with this start.
pub(crate) async fn tables(db: &TestDb, start: &str) -> Vec<String> {
    texts(
        db,
        &format!(
            "select relname::text from pg_class where relnamespace = 'control_plane'::regnamespace
                and relkind = 'r' and starts_with(relname::text, '{start}') order by 1"
        ),
    )
    .await
}

/// A connection whose statements wait for at most 100 milliseconds for a lock.
pub(crate) async fn impatient(db: &TestDb, role: sqlx::postgres::PgConnectOptions) -> PgConnection {
    let mut connection = db.connect(role).await;
    sql(&mut connection, "set lock_timeout = '100ms'").await;
    connection
}

/// Runs statements from within a callback of a run, over a connection of its own.
pub(crate) fn meanwhile(db: &TestDb, role: sqlx::postgres::PgConnectOptions, statements: &str) {
    in_own_runtime(async { sql(&mut db.connect(role).await, statements).await });
}

/// Runs a future from within a callback, which blocks the runtime of the test.
pub(crate) fn in_own_runtime<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
