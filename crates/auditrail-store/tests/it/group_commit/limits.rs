//! The limits of the queue, and deadlines.

use std::time::Duration;

use auditrail_store::{GroupWriter, OnConflict, WriteError, WriterLimits};
use auditrail_testkit::TestDb;
use tokio::task::JoinSet;

use super::support::{BLOCK_WRITES, count, many, one, outcome, soon, start_one, until, within};
use crate::support::{record, sql};

#[tokio::test]
async fn full_queue_blocks_callers_until_their_deadline() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits {
        writers: 1,
        queue_records: 10,
        lock_timeout: Duration::from_secs(30),
        ..WriterLimits::default()
    };
    let writer = GroupWriter::start(db.app(), limits);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, BLOCK_WRITES).await;
    let mut accepted = JoinSet::new();
    for n in 1..=10 {
        let writer = writer.clone();
        accepted.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.in_flight_records + stats.queued_records == 10).await;
    let mut late = JoinSet::new();
    for n in 100..200 {
        let writer = writer.clone();
        late.spawn(async move { writer.write(one(n), within(200)).await });
    }
    for answer in late.join_all().await {
        let error = answer.unwrap_err();
        assert!(matches!(error, WriteError::Overloaded { .. }), "{error:?}");
        assert!(error.retry_after() > Some(Duration::ZERO));
        let stats = writer.stats();
        assert!(stats.in_flight_records + stats.queued_records <= 10, "{stats:?}");
    }
    sql(&mut owner, "commit").await;
    for answer in accepted.join_all().await {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    // The rejected requests were not written, and the permits are available again.
    assert_eq!(count(&mut owner).await, 11);
    let ten = (300..310).map(|n| record(n, n)).collect();
    writer.write(many(ten, OnConflict::Refuse), soon()).await.unwrap();
    let stats = writer.stats();
    assert_eq!((stats.queued_requests, stats.queued_records, stats.queued_bytes), (0, 0, 0));
}

#[tokio::test]
async fn bytes_are_bounded_as_well_as_records() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let bytes = u32::try_from(one(1).bytes()).unwrap();
    let limits = WriterLimits {
        writers: 1,
        queue_bytes: bytes * 3,
        lock_timeout: Duration::from_secs(30),
        ..WriterLimits::default()
    };
    let writer = GroupWriter::start(db.app(), limits);
    sql(&mut owner, BLOCK_WRITES).await;
    let mut accepted = JoinSet::new();
    for n in 1..=3 {
        let writer = writer.clone();
        accepted.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.in_flight_records + stats.queued_records == 3).await;
    let error = writer.write(one(4), within(100)).await.unwrap_err();
    assert!(matches!(error, WriteError::Overloaded { .. }), "{error:?}");
    sql(&mut owner, "commit").await;
    for answer in accepted.join_all().await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn request_beyond_the_limits_is_rejected_at_once() {
    let db = TestDb::migrated().await;
    let limits = WriterLimits { queue_records: 10, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    let eleven = (0..11).map(|n| record(n, n)).collect();
    let error = writer.write(many(eleven, OnConflict::Skip), soon()).await.unwrap_err();
    assert!(
        matches!(error, WriteError::TooLarge { records: 11, records_max: 10, .. }),
        "{error:?}"
    );
    let limits = WriterLimits { queue_bytes: 100, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    let error = writer.write(one(1), soon()).await.unwrap_err();
    assert!(matches!(error, WriteError::TooLarge { bytes_max: 100, .. }), "{error:?}");
}

#[tokio::test]
async fn deadline_in_flight_is_a_timeout() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start_one(&db);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, BLOCK_WRITES).await;
    let late = writer.write(one(1), within(200)).await.unwrap_err();
    assert!(matches!(late, WriteError::TimedOut { .. }), "{late:?}");
    sql(&mut owner, "commit").await;
    let again = writer.write(one(1), soon()).await.unwrap();
    assert_eq!(again.created.len() + again.duplicates.len(), 1);
    assert_eq!(count(&mut owner).await, 2);
}

#[tokio::test]
async fn dropped_futures_release_their_permits() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits { writers: 1, queue_records: 20, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    writer.write(one(0), soon()).await.unwrap();
    for round in 0..5 {
        sql(&mut owner, BLOCK_WRITES).await;
        let mut dropped = JoinSet::new();
        for n in 0..20 {
            let writer = writer.clone();
            dropped.spawn(async move { writer.write(one(100 + round * 20 + n), soon()).await });
        }
        until(&writer, |stats| stats.in_flight_records + stats.queued_records == 20).await;
        dropped.shutdown().await;
        until(&writer, |stats| stats.queued_records == 0).await;
        sql(&mut owner, "commit").await;
        let all = (1..=20).map(|n| record(1_000 + round * 20 + n, n)).collect();
        let result = writer.write(many(all, OnConflict::Refuse), soon()).await.unwrap();
        assert_eq!(result.created.len(), 20);
    }
    // The primary key guarantees "at most once"; this shows that the permits were released.
    assert!(count(&mut owner).await >= 101);
}

#[tokio::test]
async fn lock_timeout_is_reported_and_retried() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits { lock_timeout: Duration::from_millis(20), ..Default::default() };
    let writer = GroupWriter::start(db.app(), limits);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, BLOCK_WRITES).await;
    let late = writer.write(one(1), within(400)).await.unwrap_err();
    assert!(matches!(late, WriteError::Unavailable { .. }), "{late:?}");
    assert_eq!(late.code(), "database_busy");
    let mut waiting = JoinSet::new();
    for n in 2..50 {
        let writer = writer.clone();
        waiting.spawn(async move { writer.write(one(n), soon()).await });
    }
    let failures = writer.stats().failures;
    until(&writer, |stats| stats.failures > failures + 2).await;
    sql(&mut owner, "commit").await;
    for answer in waiting.join_all().await {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    until(&writer, |stats| stats.outage.is_none()).await;
}

#[tokio::test]
async fn statement_timeout_is_reported_and_retried() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits {
        statement_timeout: Duration::from_millis(50),
        lock_timeout: Duration::from_secs(60),
        ..Default::default()
    };
    let writer = GroupWriter::start(db.app(), limits);
    sql(&mut owner, BLOCK_WRITES).await;
    let patient = {
        let writer = writer.clone();
        tokio::spawn(async move { writer.write(one(1), soon()).await })
    };
    // The cause is known once a statement has timed out; connecting may take longer than a short deadline.
    until(&writer, |stats| stats.outage.is_some()).await;
    let late = writer.write(one(2), within(50)).await.unwrap_err();
    assert!(matches!(late, WriteError::Unavailable { .. }), "{late:?}");
    assert_eq!(late.code(), "database_busy");
    sql(&mut owner, "commit").await;
    assert_eq!(patient.await.unwrap().unwrap(), outcome(&[0], &[], &[]));
}

#[tokio::test]
async fn locked_id_does_not_block_other_requests() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits {
        lock_timeout: Duration::from_millis(50),
        queue_records: 100,
        ..Default::default()
    };
    let writer = GroupWriter::start(db.app(), limits);
    sql(
        &mut owner,
        "begin; insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id)
         values ('00000000-0000-0000-0000-000000000019', 'u', 'user', 'a.b', 'x', 'y')",
    )
    .await;
    let mut neighbours = JoinSet::new();
    let blocked = {
        let writer = writer.clone();
        tokio::spawn(async move { writer.write(one(25), soon()).await })
    };
    for n in (0..50).filter(|n| *n != 25) {
        let writer = writer.clone();
        neighbours.spawn(async move { writer.write(one(n), soon()).await });
    }
    for answer in neighbours.join_all().await {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    assert!(!blocked.is_finished());
    sql(&mut owner, "rollback").await;
    assert_eq!(blocked.await.unwrap().unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(count(&mut owner).await, 50);
}
