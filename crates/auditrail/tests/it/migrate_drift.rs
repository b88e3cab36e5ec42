//! `migrate`, when something is not as it should be.

use auditrail_testkit::TestDb;
use sqlx::AssertSqlSafe;

use crate::program::Desk;

async fn run_sql(db: &TestDb, sql: &str) {
    let mut admin = db.connect(db.admin()).await;
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(&mut admin).await.unwrap();
}

#[tokio::test]
async fn every_kind_of_drift_is_named() {
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
        let desk = Desk::with(&db.url(&db.owner()));
        let run = desk.run(&["migrate", "verify"]).code(4).prints(named);
        assert!(run.err.contains("the schema does not match version 13"), "{run:?}");
        let run = desk.run(&["migrate", "verify", "--json"]).code(4);
        assert!(run.json()["drift"].as_u64() >= Some(1), "{run:?}");
        assert_eq!(run.error_code(), "verification_failed");
    }
}

#[tokio::test]
async fn an_index_of_the_users_own_is_told_and_is_no_drift() {
    let db = TestDb::migrated().await;
    run_sql(&db, "create index mine on control_plane.audit_logs (user_agent)").await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["migrate", "verify"]).code(0).prints("index mine");
}

#[tokio::test]
async fn a_history_that_does_not_fit_stops_everything_with_4() {
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
        let desk = Desk::with(&db.url(&db.owner()));
        desk.run(&["migrate", "status"]).code(4).says(named);
        desk.run(&["migrate", "status", "--check"]).code(4).says(named);
        desk.run(&["migrate"]).code(4).says(named);
        let run = desk.run(&["migrate", "verify", "--json"]).code(4);
        assert_eq!(run.error_code(), "history_invalid");
    }
}

#[tokio::test]
async fn a_table_that_matches_no_version_is_not_adopted() {
    let db = TestDb::migrated().await;
    run_sql(
        &db,
        "drop table control_plane.schema_migrations;
         alter table control_plane.audit_logs alter action drop not null",
    )
    .await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["migrate", "baseline"]).code(4).says("audit_logs.action has not null");
}

#[tokio::test]
async fn a_held_table_ends_with_5_after_the_timeout_and_leaves_nothing() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["migrate", "down", "--to", "5", "--allow-data-loss"]).code(0);
    let pool = db.pool(db.admin()).await;
    let mut holder = pool.begin().await.unwrap();
    let lock = "lock table control_plane.audit_logs in access share mode";
    sqlx::raw_sql(lock).execute(&mut *holder).await.unwrap();
    let run = desk.run(&["migrate", "--lock-timeout", "1s"]).code(5);
    run.says("006_add_transaction_id.sql could not get its lock").says("--lock-timeout");
    holder.rollback().await.unwrap();
    desk.run(&["migrate"]).code(0).prints("applied 8 migrations");
    desk.run(&["migrate", "--lock-timeout", "soon"]).code(2).says("--lock-timeout");
}

#[tokio::test]
async fn a_role_that_may_not_migrate_is_told_what_it_needs() {
    let db = TestDb::empty().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.run(&["migrate"]).code(1).says("a role that may create in this database");
}

#[tokio::test]
async fn a_table_of_another_tool_is_left_alone() {
    let db = TestDb::empty().await;
    run_sql(
        &db,
        "create schema control_plane authorization auditrail_owner;
         create table control_plane.schema_migrations (id text);
         alter table control_plane.schema_migrations owner to auditrail_owner",
    )
    .await;
    let run = Desk::with(&db.url(&db.owner())).run(&["migrate", "--json"]).code(1);
    assert_eq!(run.error_code(), "foreign_tracking_table");
}
