//! Repeated checks of the migration status.

use auditrail_store::migrate::StatusProbe;
use auditrail_testkit::{TestDb, until};

use crate::support::number;

const SESSIONS: &str = "select count(*) from pg_stat_activity
     where datname = current_database() and application_name = 'auditrail readiness'";

#[tokio::test]
async fn repeated_checks_use_one_connection() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let mut probe = StatusProbe::new(&db.pool(db.app()).await);
    let pid = "select pid from pg_stat_activity
                where datname = current_database() and application_name = 'auditrail readiness'";
    assert_eq!(probe.ask().await.unwrap().pending(), 0);
    let first = number(&mut admin, &format!("select ({pid})::bigint")).await;
    assert_eq!(probe.ask().await.unwrap().pending(), 0);
    assert_eq!(number(&mut admin, &format!("select ({pid})::bigint")).await, first);
    assert_eq!(number(&mut admin, SESSIONS).await, 1);
}

#[tokio::test]
async fn lost_connection_is_replaced() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let mut probe = StatusProbe::new(&db.pool(db.app()).await);
    probe.ask().await.unwrap();
    until(
        &mut admin,
        "select bool_and(pg_terminate_backend(pid)) from pg_stat_activity
          where datname = current_database() and application_name = 'auditrail readiness'",
    )
    .await;
    assert!(probe.ask().await.unwrap().problems.is_empty());
}
