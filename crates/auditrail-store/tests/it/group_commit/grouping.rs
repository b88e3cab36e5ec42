//! Concurrent requests share transactions, and are acknowledged after the commit.

use auditrail_core::AuditLogService;
use auditrail_store::{GroupWriter, OnConflict, WriterLimits};
use auditrail_testkit::TestDb;
use tokio::task::JoinSet;

use super::support::{count, many, one, outcome, soon, start};
use crate::support::{id, log, number, record, stored};

const TRANSACTIONS: &str = "select count(distinct xact_id) from control_plane.audit_logs";

#[tokio::test]
async fn concurrent_single_writes_share_transactions() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start(&db);
    let mut tasks = JoinSet::new();
    for n in 0..500 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await.unwrap() });
    }
    for answer in tasks.join_all().await {
        assert_eq!(answer, outcome(&[0], &[], &[]));
    }
    assert_eq!(count(&mut owner).await, 500);
    let transactions = number(&mut owner, TRANSACTIONS).await;
    assert!(transactions <= 100, "{transactions} transactions for 500 writes");
    let stats = writer.stats();
    assert_eq!((stats.created, stats.fallbacks, stats.failures), (500, 0, 0));
    assert_eq!(i64::try_from(stats.commits).unwrap(), transactions);
    assert!(stats.last_commit.is_some());
    assert_eq!(stats.commit_seconds.count(), stats.commits);
    assert_eq!(stats.commit_records.count(), stats.commits);
    assert!((stats.commit_records.sum() - 500.0).abs() < 0.5);
    assert_eq!(stats.oldest_queued, None);
}

#[tokio::test]
async fn acknowledged_records_are_visible() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let writer = start(&db);
    for n in 1..20 {
        let result = writer.write(one(n), soon()).await.unwrap();
        assert_eq!(result, outcome(&[0], &[], &[]));
        assert_eq!(log.get(id(n)).await.unwrap(), Some(stored(record(n, n))));
    }
}

#[tokio::test]
async fn request_larger_than_a_group_is_one_transaction() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits { group_records: 10, group_bytes: 100, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    let records = (0..1_000).map(|n| record(n, n)).collect();
    let result = writer.write(many(records, OnConflict::Refuse), soon()).await.unwrap();
    assert_eq!(result.created, (0..1_000).collect::<Vec<_>>());
    assert_eq!(number(&mut owner, TRANSACTIONS).await, 1);
}

#[tokio::test]
async fn groups_stay_within_their_limit() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let limits = WriterLimits { group_records: 10, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    let mut tasks = JoinSet::new();
    for n in 0..300 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await.unwrap() });
    }
    tasks.join_all().await;
    let largest = "select max(records) from
        (select count(*) as records from control_plane.audit_logs group by xact_id) as groups";
    assert_eq!(number(&mut owner, largest).await, 10);
}

#[tokio::test]
async fn sessions_have_an_application_name() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let writer = start(&db);
    writer.write(one(1), soon()).await.unwrap();
    let sessions = "select count(*) from pg_stat_activity
                  where datname = current_database() and application_name = 'auditrail writer'";
    assert!(number(&mut admin, sessions).await >= 1);
}

#[tokio::test]
async fn empty_request_has_an_empty_outcome() {
    let db = TestDb::migrated().await;
    let writer = start(&db);
    let result = writer.write(many(vec![], OnConflict::Refuse), soon()).await.unwrap();
    assert_eq!(result, outcome(&[], &[], &[]));
}
