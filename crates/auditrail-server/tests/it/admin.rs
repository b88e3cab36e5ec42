//! What supervisors ask.

use auditrail_core::CursorKey;
use auditrail_store::PgAuditLog;
use auditrail_testkit::TestDb;

use crate::client::Call;
use crate::service::Running;

#[tokio::test]
async fn a_migrated_database_is_ready() {
    let db = TestDb::migrated().await;
    let admin = Running::admin(PgAuditLog::new(db.pool(db.app()).await, CursorKey::public())).await;
    let live = Call::new(admin.address, "GET", "/livez").send().await;
    assert_eq!((live.status.as_u16(), &live.json()["status"]), (200, &"alive".into()));
    let ready = Call::new(admin.address, "GET", "/readyz").send().await;
    assert_eq!((ready.status.as_u16(), &ready.json()["status"]), (200, &"ready".into()));
}

#[tokio::test]
async fn pending_migrations_are_not_ready() {
    let db = TestDb::empty().await;
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let admin = Running::admin(log).await;
    let ready = Call::new(admin.address, "GET", "/readyz").send().await;
    assert_eq!(ready.problem(), (503, "migrations_pending".to_owned()));
    let live = Call::new(admin.address, "GET", "/livez").send().await;
    assert_eq!(live.status.as_u16(), 200);
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_ready() {
    let db = TestDb::migrated().await;
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    drop(db);
    let admin = Running::admin(log).await;
    let ready = Call::new(admin.address, "GET", "/readyz").send().await;
    assert_eq!(ready.problem().0, 503);
    assert_eq!(ready.header("retry-after"), "1");
}

#[tokio::test]
async fn the_log_is_not_on_this_listener() {
    let db = TestDb::migrated().await;
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let admin = Running::admin(log).await;
    let answer = Call::new(admin.address, "GET", "/v1/audit-logs").key("all").send().await;
    assert_eq!(answer.problem(), (404, "no_such_route".to_owned()));
}
