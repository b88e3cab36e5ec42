//! What is accepted is bounded, and callers are told in time.

use std::time::Duration;

use auditrail_store::{GroupWriter, OnConflict, WriteError, WriterLimits};
use auditrail_testkit::TestDb;
use tokio::task::JoinSet;

use super::support::{HOLD_UP, count, many, one, outcome, soon, start_one, until, within};
use crate::support::{record, sql};

#[tokio::test]
async fn a_full_queue_makes_callers_wait_until_their_deadline_and_never_grows() {
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
    sql(&mut owner, HOLD_UP).await;
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
        let refused = answer.unwrap_err();
        assert!(matches!(refused, WriteError::Overloaded { .. }), "{refused:?}");
        assert!(refused.retry_after() > Some(Duration::ZERO));
        let stats = writer.stats();
        assert!(stats.in_flight_records + stats.queued_records <= 10, "{stats:?}");
    }
    sql(&mut owner, "commit").await;
    for answer in accepted.join_all().await {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    // What was refused was not written, and the room is there again.
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
    sql(&mut owner, HOLD_UP).await;
    let mut accepted = JoinSet::new();
    for n in 1..=3 {
        let writer = writer.clone();
        accepted.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.in_flight_records + stats.queued_records == 3).await;
    let refused = writer.write(one(4), within(100)).await.unwrap_err();
    assert!(matches!(refused, WriteError::Overloaded { .. }), "{refused:?}");
    sql(&mut owner, "commit").await;
    for answer in accepted.join_all().await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_request_that_could_never_be_queued_is_refused_at_once() {
    let db = TestDb::migrated().await;
    let limits = WriterLimits { queue_records: 10, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    let eleven = (0..11).map(|n| record(n, n)).collect();
    let refused = writer.write(many(eleven, OnConflict::Skip), soon()).await.unwrap_err();
    assert!(
        matches!(refused, WriteError::TooLarge { records: 11, records_max: 10, .. }),
        "{refused:?}"
    );
    let limits = WriterLimits { queue_bytes: 100, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    let refused = writer.write(one(1), soon()).await.unwrap_err();
    assert!(matches!(refused, WriteError::TooLarge { bytes_max: 100, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_deadline_while_it_is_written_says_that_it_may_be_written() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start_one(&db);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, HOLD_UP).await;
    let late = writer.write(one(1), within(200)).await.unwrap_err();
    assert!(matches!(late, WriteError::TimedOut { .. }), "{late:?}");
    sql(&mut owner, "commit").await;
    let again = writer.write(one(1), soon()).await.unwrap();
    assert_eq!(again.created.len() + again.duplicates.len(), 1);
    assert_eq!(count(&mut owner).await, 2);
}

#[tokio::test]
async fn dropped_futures_give_their_room_back_and_are_written_at_most_once() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits { writers: 1, queue_records: 20, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    writer.write(one(0), soon()).await.unwrap();
    for round in 0..5 {
        sql(&mut owner, HOLD_UP).await;
        let mut gone = JoinSet::new();
        for n in 0..20 {
            let writer = writer.clone();
            gone.spawn(async move { writer.write(one(100 + round * 20 + n), soon()).await });
        }
        until(&writer, |stats| stats.in_flight_records + stats.queued_records == 20).await;
        gone.shutdown().await;
        until(&writer, |stats| stats.queued_records == 0).await;
        sql(&mut owner, "commit").await;
        let all = (1..=20).map(|n| record(1_000 + round * 20 + n, n)).collect();
        let done = writer.write(many(all, OnConflict::Refuse), soon()).await.unwrap();
        assert_eq!(done.created.len(), 20);
    }
    // The primary key sees to "at most once"; that others were written is what was to be shown.
    assert!(count(&mut owner).await >= 101);
}

#[tokio::test]
async fn a_lock_that_is_held_for_long_is_told_and_waited_for() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits { lock_timeout: Duration::from_millis(20), ..Default::default() };
    let writer = GroupWriter::start(db.app(), limits);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, HOLD_UP).await;
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
async fn a_statement_that_takes_too_long_is_ended_by_the_server_and_tried_again() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits {
        statement_timeout: Duration::from_millis(50),
        lock_timeout: Duration::from_secs(60),
        ..Default::default()
    };
    let writer = GroupWriter::start(db.app(), limits);
    sql(&mut owner, HOLD_UP).await;
    let late = writer.write(one(1), within(400)).await.unwrap_err();
    assert!(matches!(late, WriteError::Unavailable { .. }), "{late:?}");
    assert_eq!(late.code(), "database_busy");
    sql(&mut owner, "commit").await;
    assert_eq!(writer.write(one(2), soon()).await.unwrap(), outcome(&[0], &[], &[]));
}

#[tokio::test]
async fn an_id_that_a_stranger_holds_does_not_hold_up_the_neighbours() {
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
    let stuck = {
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
    assert!(!stuck.is_finished());
    sql(&mut owner, "rollback").await;
    assert_eq!(stuck.await.unwrap().unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(count(&mut owner).await, 50);
}
