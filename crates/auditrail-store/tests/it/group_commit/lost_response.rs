//! The connection is lost between the commit and its acknowledgement.

use std::sync::atomic::Ordering;

use auditrail_store::{GroupWriter, OnConflict, WriterLimits};
use auditrail_testkit::TestDb;
use tokio::task::JoinSet;

use super::support::{conflicts_of, count, many, one, outcome, soon};
use crate::proxy::{Loss, Proxy, holds};
use crate::support::record;

/// A COPY of at least one record, an INSERT of a record outside a transaction block (with the status `I`,
/// idle), or a COMMIT.
fn acknowledges_a_commit(bytes: &[u8]) -> bool {
    let holds = |text| holds(bytes, text);
    (holds(b"COPY ") && !holds(b"COPY 0\0"))
        || (holds(b"INSERT 0 1\0") && holds(b"Z\0\0\0\x05I"))
        || holds(b"COMMIT\0")
}

fn start_through(proxy: &Proxy, db: &TestDb) -> GroupWriter {
    let limits = WriterLimits { writers: 1, group_records: 20, ..WriterLimits::default() };
    GroupWriter::start(proxy.through(&db.app()), limits)
}

#[tokio::test]
async fn unacknowledged_commit_is_reported_as_created() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let proxy = Proxy::start(db.app(), Loss::Response(acknowledges_a_commit));
    let writer = start_through(&proxy, &db);
    writer.write(one(0), soon()).await.unwrap();
    // The response to the INSERT is lost. The retry finds the record, and has nothing to commit.
    proxy.losses.store(1, Ordering::Relaxed);
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(proxy.losses.load(Ordering::Relaxed), 0);
    assert_eq!(count(&mut owner).await, 2);
    let stats = writer.stats();
    assert_eq!((stats.created, stats.duplicates, stats.failures), (2, 0, 1));
    // A later request is a duplicate.
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[], &[0], &[]));
}

#[tokio::test]
async fn unacknowledged_group_is_reported_per_request() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let proxy = Proxy::start(db.app(), Loss::Response(acknowledges_a_commit));
    let writer = start_through(&proxy, &db);
    writer.write(one(0), soon()).await.unwrap();
    proxy.losses.store(5, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for n in 1..=200 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await.unwrap() });
    }
    let conflicting = tokio::spawn({
        let writer = writer.clone();
        let records = vec![record(300, 1), record(0, 99)];
        async move { writer.write(many(records, OnConflict::Refuse), soon()).await }
    });
    for answer in tasks.join_all().await {
        assert_eq!(answer, outcome(&[0], &[], &[]));
    }
    assert_eq!(conflicts_of(conflicting.await.unwrap()), [1]);
    assert_eq!(proxy.losses.load(Ordering::Relaxed), 0);
    assert_eq!(count(&mut owner).await, 201);
}
