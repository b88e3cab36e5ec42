//! Ids that are taken, in the table or in the same group.

use auditrail_core::{AuditLogService, ProvidedFields, Record};
use auditrail_store::{OnConflict, WriteRequest};
use auditrail_testkit::TestDb;
use tokio::task::JoinSet;

use super::support::{conflicts_of, count, in_one_group, many, one, outcome, soon, start};
use crate::support::{id, log, record, sql, stored};

/// The record of this id with other content.
fn other(number: u32) -> Record {
    record(number, number + 500)
}

#[tokio::test]
async fn repeated_write_is_a_duplicate_or_a_conflict() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let writer = start(&db);
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[], &[0], &[]));
    let conflict = writer.write(WriteRequest::one(other(1), ProvidedFields::ALL), soon()).await;
    assert_eq!(conflicts_of(conflict), [0]);
    // A default time is not compared; the stored record keeps its own.
    let without_time = ProvidedFields { created_at: false, ..ProvidedFields::ALL };
    let again = writer.write(WriteRequest::one(other(1), without_time), soon()).await.unwrap();
    assert_eq!(again, outcome(&[], &[0], &[]));
    assert_eq!(log.get(id(1)).await.unwrap(), Some(stored(record(1, 1))));
    let stats = writer.stats();
    assert_eq!((stats.created, stats.duplicates, stats.conflicts), (1, 2, 1));
}

#[tokio::test]
async fn conflict_refuses_an_atomic_request_only() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start(&db);
    writer.write(one(3), soon()).await.unwrap();
    writer.write(one(4), soon()).await.unwrap();
    let records = || vec![record(1, 1), record(2, 2), other(3), record(4, 4), record(5, 5)];
    let result = writer.write(many(records(), OnConflict::Refuse), soon()).await;
    assert_eq!(conflicts_of(result), [2]);
    assert_eq!(count(&mut owner).await, 2);
    let result = writer.write(many(records(), OnConflict::Skip), soon()).await.unwrap();
    assert_eq!(result, outcome(&[0, 1, 4], &[3], &[2]));
    assert_eq!(count(&mut owner).await, 5);
}

#[tokio::test]
async fn other_requests_of_the_group_are_written() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    start(&db).write(one(500), soon()).await.unwrap();
    let mut requests: Vec<_> = (0..50).map(one).collect();
    let bad = vec![record(600, 1), other(500), record(601, 1)];
    requests.insert(25, many(bad, OnConflict::Refuse));
    let mut answers = in_one_group(&db, requests).await;
    assert_eq!(conflicts_of(answers.remove(25)), [1]);
    for answer in answers {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    // The first three in separate transactions, and nothing of the result request.
    assert_eq!(count(&mut owner).await, 53);
    assert_eq!(
        crate::support::number(
            &mut owner,
            "select count(distinct xact_id) from control_plane.audit_logs"
        )
        .await,
        4
    );
}

#[tokio::test]
async fn first_request_with_an_id_creates_it() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let requests = vec![
        one(1),
        one(1),
        WriteRequest::one(other(1), ProvidedFields::ALL),
        many(vec![record(2, 2), other(1)], OnConflict::Refuse),
        many(vec![other(2), other(2), record(1, 1), record(2, 2)], OnConflict::Skip),
        many(vec![record(3, 3), record(3, 3)], OnConflict::Refuse),
        many(vec![record(4, 4), other(4)], OnConflict::Refuse),
        one(4),
    ];
    let mut answers = in_one_group(&db, requests).await.into_iter();
    let mut next = || answers.next().unwrap();
    assert_eq!(next().unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(next().unwrap(), outcome(&[], &[0], &[]));
    assert_eq!(conflicts_of(next()), [0]);
    assert_eq!(conflicts_of(next()), [1]);
    assert_eq!(next().unwrap(), outcome(&[0], &[1, 2], &[3]));
    assert_eq!(next().unwrap(), outcome(&[0], &[1], &[]));
    assert_eq!(conflicts_of(next()), [1]);
    assert_eq!(next().unwrap(), outcome(&[0], &[], &[]));
    for written in [record(1, 1), other(2), record(3, 3), record(4, 4)] {
        assert_eq!(log.get(written.id).await.unwrap(), Some(stored(written)));
    }
}

#[tokio::test]
async fn concurrent_callers_create_each_id_once() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writers = [start(&db), start(&db)];
    let mut tasks = JoinSet::new();
    for n in 0..300 {
        let writer = writers[n as usize % 2].clone();
        tasks.spawn(async move { writer.write(one(n % 30), soon()).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let created: usize = answers.iter().map(|answer| answer.created.len()).sum();
    let duplicates: usize = answers.iter().map(|answer| answer.duplicates.len()).sum();
    assert_eq!((created, duplicates), (30, 270));
    assert_eq!(count(&mut owner).await, 30);
}

#[tokio::test]
async fn id_of_an_invisible_record_is_a_conflict() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start(&db);
    let mut invisible = record(1, 1);
    invisible.tenant_id = Some("hidden".parse().unwrap());
    writer.write(WriteRequest::one(invisible, ProvidedFields::ALL), soon()).await.unwrap();
    sql(
        &mut owner,
        "alter table control_plane.audit_logs enable row level security;
         create policy not_all on control_plane.audit_logs
             using (tenant_id is distinct from 'hidden')",
    )
    .await;
    let records = vec![record(1, 1), record(2, 2)];
    let result = writer.write(many(records.clone(), OnConflict::Skip), soon()).await.unwrap();
    assert_eq!(result, outcome(&[1], &[], &[0]));
    assert_eq!(conflicts_of(writer.write(many(records, OnConflict::Refuse), soon()).await), [0]);
    assert_eq!(count(&mut owner).await, 2);
}
