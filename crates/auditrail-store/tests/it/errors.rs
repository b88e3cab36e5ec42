//! Each failure is told apart by what the caller can do about it.

use auditrail_core::{AuditLogService, CursorKey, Filters};
use auditrail_store::migrate::{Runner, silent};
use auditrail_store::{BulkWriter, PgAuditLog, StoreError};
use auditrail_testkit::TestDb;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::{by, input, log, sql};

/// The code a write and a read fail with.
async fn codes(options: PgConnectOptions) -> (&'static str, &'static str) {
    let pool = PgPoolOptions::new().connect_lazy_with(options);
    let log = PgAuditLog::new(pool, CursorKey::public());
    let write = log.create(input()).await.unwrap_err().code();
    let read = log.query(&by(Filters::default())).await.unwrap_err().code();
    (write, read)
}

#[tokio::test]
async fn an_empty_or_old_database_asks_for_a_migration() {
    let db = TestDb::empty().await;
    assert_eq!(codes(db.owner()).await, ("not_migrated", "not_migrated"));
    Runner::new(db.owner()).up(Some(1), &mut silent).await.unwrap();
    assert_eq!(codes(db.owner()).await, ("not_migrated", "not_migrated"));
    let mut writer = BulkWriter::connect(&db.owner()).await.unwrap();
    let refused = writer.write(&[crate::support::record(1, 1)]).await.unwrap_err();
    assert_eq!(refused.code(), "not_migrated");
    assert!(refused.to_string().contains("auditrail migrate"), "{refused}");
}

#[tokio::test]
async fn a_role_without_rights_is_told_which_it_needs() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let revoke = "revoke all on control_plane.audit_logs from auditrail_app";
    sql(&mut owner, revoke).await;
    assert_eq!(codes(db.app()).await, ("permission_denied", "permission_denied"));
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let refused = writer.write(&[crate::support::record(1, 1)]).await.unwrap_err();
    assert_eq!(refused.code(), "permission_denied");
    assert!(refused.to_string().contains("`auditrail migrate grants`"), "{refused}");
}

#[tokio::test]
async fn a_read_only_server_is_named_and_still_read_from() {
    let db = TestDb::migrated().await;
    let options = db.app().options([("default_transaction_read_only", "on")]);
    let log = PgAuditLog::new(db.pool(options).await, CursorKey::public());
    let refused = log.create(input()).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused:?}");
    let found = log.query(&by(Filters::default())).await.unwrap();
    assert_eq!(found.records, []);
}

#[tokio::test]
async fn a_lock_that_is_not_let_go_of_in_time_is_worth_another_try() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut holder = owner.begin().await.unwrap();
    sql(&mut holder, "lock table control_plane.audit_logs").await;
    for setting in ["lock_timeout", "statement_timeout"] {
        let options = db.app().options([(setting, "20ms")]);
        assert_eq!(codes(options.clone()).await, ("database_busy", "database_busy"));
        let mut writer = BulkWriter::connect(&options).await.unwrap();
        let refused = writer.write(&[crate::support::record(1, 1)]).await.unwrap_err();
        assert!(refused.is_worth_retrying(), "{refused:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let nowhere = PgConnectOptions::new().host("127.0.0.1").port(1);
    let refused = BulkWriter::connect(&nowhere).await.unwrap_err();
    assert_eq!(refused.code(), "database_unreachable");
}

#[tokio::test]
async fn an_error_does_not_quote_the_record() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let rule = "alter table control_plane.audit_logs
                add constraint no_projects check (target_type <> 'project')";
    sql(&mut owner, rule).await;
    let refused = log(&db).await.create(input()).await.unwrap_err();
    assert_eq!(refused.code(), "rejected_by_database");
    let text = refused.to_string();
    assert!(text.contains("no_projects") && !text.contains("u1"), "{text}");
}
