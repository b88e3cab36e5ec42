//! Shutdown of the writer.

use std::time::Duration;

use auditrail_store::WriteError;
use auditrail_testkit::{TestDb, until as until_true};
use tokio::task::JoinSet;

use super::support::{BLOCK_WRITES, count, one, outcome, soon, start, start_one, until, within};
use crate::support::sql;

#[tokio::test]
async fn close_drains_the_queue_and_rejects_new_requests() {
    let db = TestDb::migrated().await;
    let (mut owner, mut admin) = (db.connect(db.owner()).await, db.connect(db.admin()).await);
    let writer = start(&db);
    sql(&mut owner, BLOCK_WRITES).await;
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.in_flight_records + stats.queued_records == 100).await;
    let closing = tokio::spawn({
        let writer = writer.clone();
        async move { writer.close(Duration::from_secs(60)).await }
    });
    // Until the other task has run, a request is accepted and waits for the lock.
    while !matches!(writer.write(one(1_000), within(5)).await, Err(WriteError::Closed)) {}
    let error = writer.write(one(1_001), soon()).await.unwrap_err();
    assert!(matches!(error, WriteError::Closed), "{error:?}");
    assert!(!closing.is_finished());
    sql(&mut owner, "commit").await;
    closing.await.unwrap().unwrap();
    for answer in tasks.join_all().await {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    assert_eq!(writer.stats().writers, 0);
    writer.close(Duration::ZERO).await.unwrap();
    until_true(
        &mut admin,
        "select count(*) = 0 from pg_stat_activity
          where datname = current_database() and application_name = 'auditrail writer'",
    )
    .await;
    assert!(count(&mut owner).await >= 100);
}

#[tokio::test]
async fn close_timeout_fails_the_remaining_requests() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start_one(&db);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, BLOCK_WRITES).await;
    let mut tasks = JoinSet::new();
    for n in 1..=30 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.in_flight_records + stats.queued_records == 30).await;
    let unfinished = writer.close(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(unfinished.records, 30);
    for answer in tasks.join_all().await {
        let error = answer.unwrap_err();
        assert!(matches!(error, WriteError::Closed), "{error:?}");
    }
    sql(&mut owner, "commit").await;
}

#[tokio::test]
async fn workers_end_when_the_last_handle_is_dropped() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let writer = start(&db);
    writer.write(one(1), soon()).await.unwrap();
    drop(writer);
    until_true(
        &mut admin,
        "select count(*) = 0 from pg_stat_activity
          where datname = current_database() and application_name = 'auditrail writer'",
    )
    .await;
}
