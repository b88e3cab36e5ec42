//! A writer that is closed finishes what it accepted.

use std::time::Duration;

use auditrail_store::WriteError;
use auditrail_testkit::{TestDb, until as until_true};
use tokio::task::JoinSet;

use super::support::{HOLD_UP, count, one, outcome, soon, start, start_one, until, within};
use crate::support::sql;

#[tokio::test]
async fn closing_writes_what_was_accepted_and_takes_nothing_more() {
    let db = TestDb::migrated().await;
    let (mut owner, mut admin) = (db.connect(db.owner()).await, db.connect(db.admin()).await);
    let writer = start(&db);
    sql(&mut owner, HOLD_UP).await;
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
    // Until the other task has run, a request is still taken in and waits for the lock.
    while !matches!(writer.write(one(1_000), within(5)).await, Err(WriteError::Closed)) {}
    let refused = writer.write(one(1_001), soon()).await.unwrap_err();
    assert!(matches!(refused, WriteError::Closed), "{refused:?}");
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
async fn closing_is_bounded_and_tells_the_callers_of_what_is_given_up() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start_one(&db);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, HOLD_UP).await;
    let mut tasks = JoinSet::new();
    for n in 1..=30 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.in_flight_records + stats.queued_records == 30).await;
    let unfinished = writer.close(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(unfinished.records, 30);
    for answer in tasks.join_all().await {
        let told = answer.unwrap_err();
        assert!(matches!(told, WriteError::Closed), "{told:?}");
    }
    sql(&mut owner, "commit").await;
}

#[tokio::test]
async fn without_a_handle_the_tasks_end() {
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
