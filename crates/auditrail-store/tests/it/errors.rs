//! Errors are classified by the reaction of the caller.

use auditrail_core::{AuditLogService, CursorKey, Filters};
use auditrail_store::migrate::{Runner, silent};
use auditrail_store::{BulkWriter, PgAuditLog, StoreError};
use auditrail_testkit::TestDb;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::{by, input, log, sql};

/// The error codes of a write and a read.
async fn codes(options: PgConnectOptions) -> (&'static str, &'static str) {
    let pool = PgPoolOptions::new().connect_lazy_with(options);
    let log = PgAuditLog::new(pool, CursorKey::public());
    let write = log.create(input()).await.unwrap_err().code();
    let read = log.query(&by(Filters::default())).await.unwrap_err().code();
    (write, read)
}

#[tokio::test]
async fn empty_or_old_database_is_not_migrated() {
    let db = TestDb::empty().await;
    assert_eq!(codes(db.owner()).await, ("not_migrated", "not_migrated"));
    Runner::new(db.owner()).up(Some(1), &mut silent).await.unwrap();
    assert_eq!(codes(db.owner()).await, ("not_migrated", "not_migrated"));
    let mut writer = BulkWriter::connect(&db.owner()).await.unwrap();
    let error = writer.write(&[crate::support::record(1, 1)]).await.unwrap_err();
    assert_eq!(error.code(), "not_migrated");
    assert!(error.to_string().contains("auditrail migrate"), "{error}");
}

#[tokio::test]
async fn missing_privileges_refer_to_migrate_grants() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let revoke = "revoke all on control_plane.audit_logs from auditrail_app";
    sql(&mut owner, revoke).await;
    assert_eq!(codes(db.app()).await, ("permission_denied", "permission_denied"));
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let error = writer.write(&[crate::support::record(1, 1)]).await.unwrap_err();
    assert_eq!(error.code(), "permission_denied");
    assert!(error.to_string().contains("`auditrail migrate grants`"), "{error}");
}

#[tokio::test]
async fn read_only_server_can_be_read() {
    let db = TestDb::migrated().await;
    let options = db.app().options([("default_transaction_read_only", "on")]);
    let log = PgAuditLog::new(db.pool(options).await, CursorKey::public());
    let error = log.create(input()).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    let found = log.query(&by(Filters::default())).await.unwrap();
    assert_eq!(found.records, []);
}

#[tokio::test]
async fn lock_and_statement_timeouts_are_worth_retrying() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut holder = owner.begin().await.unwrap();
    sql(&mut holder, "lock table control_plane.audit_logs").await;
    for setting in ["lock_timeout", "statement_timeout"] {
        let options = db.app().options([(setting, "20ms")]);
        assert_eq!(codes(options.clone()).await, ("database_busy", "database_busy"));
        let mut writer = BulkWriter::connect(&options).await.unwrap();
        let error = writer.write(&[crate::support::record(1, 1)]).await.unwrap_err();
        assert!(error.is_worth_retrying(), "{error:?}");
    }
}

#[tokio::test]
async fn missing_server_is_unreachable() {
    let nowhere = PgConnectOptions::new().host("127.0.0.1").port(1);
    let error = BulkWriter::connect(&nowhere).await.unwrap_err();
    assert_eq!(error.code(), "database_unreachable");
}

#[tokio::test]
async fn errors_do_not_quote_the_record() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let rule = "alter table control_plane.audit_logs
                add constraint no_projects check (target_type <> 'project')";
    sql(&mut owner, rule).await;
    let error = log(&db).await.create(input()).await.unwrap_err();
    assert_eq!(error.code(), "rejected_by_database");
    let text = error.to_string();
    assert!(text.contains("no_projects") && !text.contains("u1"), "{text}");
}
