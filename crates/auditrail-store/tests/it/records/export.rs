//! The stream of all matches.

use auditrail_core::{AuditLogService, Filters, Record};
use auditrail_testkit::TestDb;
use futures_util::{StreamExt, TryStreamExt};

use crate::support::{log, record, stored};

fn records(numbers: std::ops::Range<u32>) -> Vec<Record> {
    numbers
        .map(|n| {
            let mut record = record(n + 1, n / 3);
            if n % 5 == 0 {
                record.action = "key.rotated".parse().unwrap();
            }
            record
        })
        .collect()
}

#[tokio::test]
async fn export_returns_every_match_oldest_first() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let written = records(0..1_000);
    log.bulk_writer().await.unwrap().write(&written).await.unwrap();
    let all: Vec<_> = log.export(Filters::default()).try_collect().await.unwrap();
    let written: Vec<_> = written.into_iter().map(stored).collect();
    assert_eq!(all, written);

    let filters = Filters { action: Some("key.*".parse().unwrap()), ..Filters::default() };
    let keys: Vec<_> = log.export(filters).try_collect().await.unwrap();
    let expected = written.into_iter().filter(|r| r.action.as_str() == "key.rotated");
    assert_eq!(keys, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn export_without_matches_is_empty() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    assert_eq!(log.export(Filters::default()).count().await, 0);
}

#[tokio::test]
async fn export_reads_one_snapshot() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut writer = log.bulk_writer().await.unwrap();
    writer.write(&records(0..600)).await.unwrap();
    let mut export = Box::pin(log.export(Filters::default()));
    export.next().await.unwrap().unwrap();
    writer.write(&records(600..1_200)).await.unwrap();
    assert_eq!(export.count().await, 599);
}

#[tokio::test]
async fn dropped_export_releases_its_connection() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    log.bulk_writer().await.unwrap().write(&records(0..600)).await.unwrap();
    for _ in 0..20 {
        let mut export = Box::pin(log.export(Filters::default()));
        export.next().await.unwrap().unwrap();
        drop(export);
    }
    assert!(log.get(record(1, 0).id).await.unwrap().is_some());
}
