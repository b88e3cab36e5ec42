//! Records whose id was taken at the INSERT, but free at the comparison, as after retention.

use auditrail_core::{AuditLogService, OnInvalid};
use auditrail_store::OnConflict;
use auditrail_testkit::TestDb;

use super::support::{conflicts_of, count, many, one, outcome, soon, start_one};
use crate::support::{id, input, log, record, skip_record_1, sql, stored};

#[tokio::test]
async fn single_record_is_written_when_its_id_is_free_again() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, &skip_record_1(3)).await;
    let writer = start_one(&db);
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(log(&db).await.get(id(1)).await.unwrap(), Some(stored(record(1, 1))));
    assert_eq!(writer.stats().conflicts, 0);
}

#[tokio::test]
async fn batch_is_written_when_an_id_is_free_again() {
    for on_conflict in [OnConflict::Refuse, OnConflict::Skip] {
        let db = TestDb::migrated().await;
        let mut owner = db.connect(db.owner()).await;
        let writer = start_one(&db);
        writer.write(one(2), soon()).await.unwrap();
        sql(&mut owner, &skip_record_1(3)).await;
        let batch = many(vec![record(1, 1), record(2, 2), record(3, 3)], on_conflict);
        assert_eq!(writer.write(batch, soon()).await.unwrap(), outcome(&[0, 2], &[1], &[]));
        assert_eq!(count(&mut owner).await, 3);
    }
}

#[tokio::test]
async fn id_that_is_never_free_is_a_conflict() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, &skip_record_1(1_000)).await;
    let writer = start_one(&db);
    assert_eq!(conflicts_of(writer.write(one(1), soon()).await), [0]);
    let batch = many(vec![record(1, 1), record(2, 2)], OnConflict::Skip);
    assert_eq!(writer.write(batch, soon()).await.unwrap(), outcome(&[1], &[], &[0]));
}

#[tokio::test]
async fn create_many_writes_a_record_when_its_id_is_free_again() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, &skip_record_1(2)).await;
    let log = log(&db).await;
    let batch = vec![input().with_id(id(1)), input().with_id(id(2))];
    let outcome = log.create_many(batch, OnInvalid::Refuse).await.unwrap();
    assert_eq!((outcome.created, outcome.duplicates, outcome.rejected.len()), (2, 0, 0));
    assert_eq!(count(&mut owner).await, 2);
}
