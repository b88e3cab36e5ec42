//! `migrate` with a drifted schema, an inconsistent history, or held locks.

use auditrail_testkit::TestDb;
use sqlx::AssertSqlSafe;

use crate::migrate::latest;
use crate::sandbox::Sandbox;

async fn run_sql(db: &TestDb, sql: &str) {
    let mut admin = db.connect(db.admin()).await;
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(&mut admin).await.unwrap();
}

#[tokio::test]
async fn verify_reports_every_kind_of_drift() {
    for (sql, named) in [
        ("drop index control_plane.idx_audit_logs_action", "index idx_audit_logs_action"),
        (
            "update pg_index set indisvalid = false
              where indexrelid = 'control_plane.idx_audit_logs_action'::regclass",
            "is invalid",
        ),
        (
            "alter table control_plane.audit_logs alter created_at set default '2000-01-01'",
            "has default",
        ),
        (
            "alter table control_plane.audit_logs add extra text",
            "audit_logs.extra should not be there",
        ),
        ("comment on column control_plane.audit_logs.action is 'x'", "has comment `x`"),
        (
            "alter table control_plane.audit_logs drop constraint audit_logs_actor_type_check",
            "constraint audit_logs_actor_type_check",
        ),
    ] {
        let db = TestDb::migrated().await;
        run_sql(&db, sql).await;
        let sandbox = Sandbox::with(&db.url(&db.owner()));
        let run = sandbox.run(&["migrate", "verify"]).code(4).stdout_has(named);
        let expected = format!("the schema does not match version {}", latest());
        assert!(run.err.contains(&expected), "{run:?}");
        let run = sandbox.run(&["migrate", "verify", "--json"]).code(4);
        assert!(run.json()["drift"].as_u64() >= Some(1), "{run:?}");
        assert_eq!(run.error_code(), "verification_failed");
    }
}

#[tokio::test]
async fn additional_index_is_not_drift() {
    let db = TestDb::migrated().await;
    run_sql(&db, "create index mine on control_plane.audit_logs (user_agent)").await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate", "verify"]).code(0).stdout_has("index mine");
}

#[tokio::test]
async fn inconsistent_history_exits_with_4() {
    for (sql, named) in [
        (
            "update control_plane.schema_migrations set checksum = '\\x00' where version = 2",
            "002_add_tenant_and_request_id.sql was edited",
        ),
        (
            "delete from control_plane.schema_migrations where version = 3",
            "003_index_tenant.sql is out of order",
        ),
    ] {
        let db = TestDb::migrated().await;
        run_sql(&db, sql).await;
        let sandbox = Sandbox::with(&db.url(&db.owner()));
        sandbox.run(&["migrate", "status"]).code(4).stderr_has(named);
        sandbox.run(&["migrate", "status", "--check"]).code(4).stderr_has(named);
        sandbox.run(&["migrate"]).code(4).stderr_has(named);
        let run = sandbox.run(&["migrate", "verify", "--json"]).code(4);
        assert_eq!(run.error_code(), "history_invalid");
    }
}

#[tokio::test]
async fn baseline_rejects_an_unknown_schema() {
    let db = TestDb::migrated().await;
    run_sql(
        &db,
        "drop table control_plane.schema_migrations;
         alter table control_plane.audit_logs alter action drop not null",
    )
    .await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate", "baseline"]).code(4).stderr_has("audit_logs.action has not null");
}

#[tokio::test]
async fn lock_timeout_exits_with_5_and_rolls_back() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate", "down", "--to", "5", "--allow-data-loss"]).code(0);
    let pool = db.pool(db.admin()).await;
    let mut holder = pool.begin().await.unwrap();
    let lock = "lock table control_plane.audit_logs in access share mode";
    sqlx::raw_sql(lock).execute(&mut *holder).await.unwrap();
    let run = sandbox.run(&["migrate", "--lock-timeout", "1s"]).code(5);
    run.stderr_has("006_add_transaction_id.sql could not get its lock")
        .stderr_has("--lock-timeout");
    holder.rollback().await.unwrap();
    sandbox.run(&["migrate"]).code(0).stdout_has(&format!("applied {} migrations", latest() - 5));
    sandbox.run(&["migrate", "--lock-timeout", "soon"]).code(2).stderr_has("--lock-timeout");
}

#[tokio::test]
async fn missing_privileges_are_reported() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.run(&["migrate"]).code(1).stderr_has("CREATE on the database");
}

#[tokio::test]
async fn foreign_tracking_table_is_not_touched() {
    let db = TestDb::empty().await;
    run_sql(
        &db,
        "create schema control_plane authorization auditrail_owner;
         create table control_plane.schema_migrations (id text);
         alter table control_plane.schema_migrations owner to auditrail_owner",
    )
    .await;
    let run = Sandbox::with(&db.url(&db.owner())).run(&["migrate", "--json"]).code(1);
    assert_eq!(run.error_code(), "foreign_tracking_table");
}
