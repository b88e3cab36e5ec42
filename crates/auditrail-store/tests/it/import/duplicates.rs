//! Chunks whose ids are taken, all or some.

use auditrail_core::{AuditLogService, Record};
use auditrail_store::{BulkWriter, ChunkOutcome};
use auditrail_testkit::TestDb;

use crate::support::{id, log, number, record, skip_record_1, sql, stored, time};

fn chunk(numbers: std::ops::Range<u32>) -> Vec<Record> {
    numbers.map(|n| record(n, n)).collect()
}

fn outcome(created: u64, duplicates: u64) -> ChunkOutcome {
    ChunkOutcome { created, duplicates, conflicts: vec![] }
}

/// The size of the table, in which an aborted COPY leaves dead rows.
async fn table_bytes(db: &TestDb) -> i64 {
    let mut owner = db.connect(db.owner()).await;
    number(&mut owner, "select pg_relation_size('control_plane.audit_logs')").await
}

#[tokio::test]
async fn repeated_import_writes_nothing_and_compares_first() {
    let db = TestDb::migrated().await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    assert_eq!(writer.write(&chunk(1..2_001)).await.unwrap(), outcome(2_000, 0));
    assert_eq!(writer.write(&chunk(1..2_001)).await.unwrap(), outcome(0, 2_000));
    let bytes = table_bytes(&db).await;
    for _ in 0..5 {
        assert_eq!(writer.write(&chunk(1..2_001)).await.unwrap(), outcome(0, 2_000));
    }
    assert_eq!(table_bytes(&db).await, bytes, "a repeated chunk left dead rows");
    // New records are written.
    assert_eq!(writer.write(&chunk(1_990..2_011)).await.unwrap(), outcome(10, 11));
    assert_eq!(writer.write(&chunk(2_011..2_100)).await.unwrap(), outcome(89, 0));
    let log = log(&db).await;
    let options = auditrail_store::SummaryOptions { top: 1, interval: None, recent: false };
    let summary = log.summary(&auditrail_core::Filters::default(), options).await;
    assert_eq!(summary.unwrap().total, 2_099);
    writer.close().await.unwrap();
}

#[tokio::test]
async fn conflicts_are_reported_and_the_rest_is_written() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    writer.write(&chunk(1..11)).await.unwrap();
    for compared_first in [false, true] {
        if compared_first {
            assert_eq!(writer.write(&chunk(1..11)).await.unwrap(), outcome(0, 10));
        }
        let base = if compared_first { 200 } else { 100 };
        let mut mixed = chunk(base..base + 20);
        mixed.push(record(3, 3));
        let changes: [fn(&mut Record); 4] = [
            |r| r.user_agent = Some("other".parse().unwrap()),
            |r| r.metadata = Some(r#"{"k":1}"#.parse().unwrap()),
            |r| r.metadata = None,
            |r| r.created_at = time(99_999),
        ];
        for (n, change) in (4..8).zip(changes) {
            let mut other = record(n, n);
            change(&mut other);
            mixed.push(other);
        }
        let result = writer.write(&mixed).await.unwrap();
        assert_eq!((result.created, result.duplicates), (20, 1), "{compared_first}");
        assert_eq!(result.conflicts, [4, 5, 6, 7].map(id));
        assert_eq!(log.get(id(4)).await.unwrap(), Some(stored(record(4, 4))));
    }
}

#[tokio::test]
async fn first_record_of_a_repeated_id_is_written() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    for known in [false, true] {
        if known {
            writer.write(&chunk(1..9)).await.unwrap();
            writer.write(&chunk(1..9)).await.unwrap();
        }
        let base = if known { 30 } else { 20 };
        let twice = [record(base, 1), record(base, 1), record(base, 2), record(base + 1, 1)];
        let result = writer.write(&twice).await.unwrap();
        assert_eq!((result.created, result.duplicates), (2, 1));
        assert_eq!(result.conflicts, [id(base)]);
        assert_eq!(log.get(id(base)).await.unwrap(), Some(stored(record(base, 1))));
    }
}

#[tokio::test]
async fn default_time_is_not_compared() {
    let db = TestDb::migrated().await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    let first = [record(1, 1), record(2, 2)];
    writer.write_with_times(&first, &[false, true]).await.unwrap();
    let again = [record(1, 50), record(2, 50)];
    for _ in 0..2 {
        let result = writer.write_with_times(&again, &[false, true]).await.unwrap();
        assert_eq!((result.created, result.duplicates), (0, 1));
        assert_eq!(result.conflicts, [id(2)]);
    }
}

#[tokio::test]
async fn empty_chunk_has_an_empty_outcome() {
    let db = TestDb::migrated().await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    assert_eq!(writer.write(&[]).await.unwrap(), ChunkOutcome::default());
}

#[tokio::test]
async fn row_level_security_falls_back_to_insert() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "alter table control_plane.audit_logs enable row level security;
         create policy everyone on control_plane.audit_logs using (true) with check (true)",
    )
    .await;
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    for n in 0..3 {
        let result = writer.write(&chunk(n * 100 + 1..n * 100 + 51)).await.unwrap();
        assert_eq!(result, outcome(50, 0));
    }
}

#[tokio::test]
async fn vanished_record_is_written_again_and_then_a_conflict() {
    for (skips, expected) in [(3, (2, 1, vec![])), (1_000, (1, 1, vec![id(1)]))] {
        let db = TestDb::migrated().await;
        let mut owner = db.connect(db.owner()).await;
        let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
        writer.write(&chunk(3..4)).await.unwrap();
        sql(&mut owner, &skip_record_1(skips)).await;
        // Record 3 is taken, so the COPY fails and the chunk is written by INSERT.
        let result = writer.write(&chunk(1..4)).await.unwrap();
        assert_eq!((result.created, result.duplicates, result.conflicts), expected);
        let stored = number(&mut owner, "select count(*) from control_plane.audit_logs").await;
        assert_eq!(stored, 1 + i64::try_from(result.created).unwrap());
    }
}
