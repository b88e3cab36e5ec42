//! The sequence of records: order, positions and bounds of a read.

use std::time::Duration;

use auditrail_core::{
    CursorKey, FeedPosition, FeedQuery, Filters, Metadata, PageSize, Record, RecordId,
};
use auditrail_store::{FeedBatch, PgAuditLog, Sessions, StoreError};
use auditrail_testkit::TestDb;
use serde_json::json;

use crate::support::{id, record, sql};

/// The log over connections for pipelined statements, as a service has it, and over a pool.
async fn logs(db: &TestDb) -> [PgAuditLog; 2] {
    let over_pool = PgAuditLog::new(db.pool(db.service()).await, CursorKey::public());
    let sessions = Sessions::new(&db.service(), 2, Duration::from_secs(5));
    [over_pool.clone().with_sessions(sessions), over_pool]
}

async fn write(log: &PgAuditLog, records: &[Record]) {
    log.bulk_writer().await.unwrap().write(records).await.unwrap();
}

fn records(numbers: std::ops::Range<u32>) -> Vec<Record> {
    numbers.map(|number| record(number, 1_000 - number % 7)).collect()
}

fn query(after: FeedPosition, limit: u16) -> FeedQuery {
    FeedQuery { filters: Filters::default(), after, limit: PageSize::new(limit).unwrap() }
}

/// Adds entries for ids whose records are not in the table.
async fn add_entries(db: &TestDb, count: u32) {
    let mut service = db.connect(db.service()).await;
    let add = format!(
        "insert into control_plane.audit_log_entries
             (first_seq, records, lowest_xact_id, highest_xact_id, ids)
         select coalesce((select max(first_seq + records) from control_plane.audit_log_entries), 0)
                    + (part - 1) * 1000, 1000, 5, 5, string_agg(uuid_send(gen_random_uuid()), '')
           from generate_series(1, {count} / 1000) part, generate_series(1, 1000)
          group by part;
         update control_plane.audit_log_sequencer
            set next_seq = (select max(first_seq + records) from control_plane.audit_log_entries)"
    );
    sql(&mut service, &add).await;
}

#[tokio::test]
async fn feed_returns_each_record_once_in_order() {
    let db = TestDb::migrated().await;
    let [log, over_pool] = logs(&db).await;
    let mut expected = Vec::new();
    for part in [0..7, 7..8, 8..30_u32] {
        write(&log, &records(part.clone())).await;
        db.sequence().await;
        expected.extend(part.map(id));
    }
    for (log, limit) in [(&log, 1), (&log, 4), (&over_pool, 4), (&log, 30), (&over_pool, 1_000)] {
        let (mut found, mut position) = (Vec::new(), FeedPosition::START);
        loop {
            let FeedBatch { items, position: next, head } =
                log.feed(&query(position, limit), None).await.unwrap();
            assert!(items.len() <= usize::from(limit) && head == 29);
            for item in items {
                assert_eq!(item.seq, i64::try_from(found.len()).unwrap());
                found.push(item.record.id);
            }
            position = next;
            if position.seq == head {
                break;
            }
        }
        assert_eq!(found, expected, "limit {limit}");
        assert_eq!(position, FeedPosition { seq: 29, id: Some(id(29)) });
        assert_eq!(log.head().await.unwrap(), position);
        let end = log.feed(&query(position, limit), None).await.unwrap();
        assert_eq!((end.items.len(), end.position, end.has_more()), (0, position, false));
    }
}

#[tokio::test]
async fn an_empty_log_has_only_the_start() {
    let db = TestDb::migrated().await;
    let [log, over_pool] = logs(&db).await;
    for log in [&log, &over_pool] {
        assert_eq!(log.head().await.unwrap(), FeedPosition::START);
        let batch = log.feed(&query(FeedPosition::START, 5), None).await.unwrap();
        let expected = FeedBatch { items: Vec::new(), position: FeedPosition::START, head: -1 };
        assert_eq!(batch, expected);
        let error = log.feed(&query(FeedPosition::after(0), 5), None).await.unwrap_err();
        assert!(matches!(error, StoreError::PositionUnknown { head: Some(-1), .. }), "{error}");
    }
}

#[tokio::test]
async fn a_position_of_another_history_is_unknown() {
    let db = TestDb::migrated().await;
    let [log, over_pool] = logs(&db).await;
    write(&log, &records(0..5)).await;
    db.sequence().await;
    for log in [&log, &over_pool] {
        let own = FeedPosition { seq: 2, id: Some(id(2)) };
        for known in [own, own.without_id(), FeedPosition::after(2)] {
            let batch = log.feed(&query(known, 5), None).await.unwrap();
            assert_eq!(batch.items[0].seq, 3);
            assert_eq!(log.position(known).await.unwrap(), own);
        }
        let other = FeedPosition { seq: 2, id: Some(id(3)) };
        let error = log.feed(&query(other, 5), None).await.unwrap_err();
        assert!(matches!(error, StoreError::PositionUnknown { head: None, .. }), "{error}");
        assert!(log.position(other.without_id()).await.is_err());
        for seq in [5, 9_000_000_000, i64::MAX] {
            let beyond = FeedPosition { seq, id: Some(id(5)) };
            let error = log.feed(&query(beyond, 5), None).await.unwrap_err();
            assert!(matches!(error, StoreError::PositionUnknown { head: Some(4), .. }), "{error}");
            assert!(log.position(beyond).await.is_err());
        }
        let error = log.feed(&query(FeedPosition::after(5), 5), None).await.unwrap_err();
        assert!(error.to_string().contains("its last record has the seq 4"), "{error}");
    }
}

#[tokio::test]
async fn filters_skip_records_and_keep_their_seq() {
    let db = TestDb::migrated().await;
    let [log, over_pool] = logs(&db).await;
    let mut written = records(0..2_500);
    for record in written.iter_mut().step_by(1_000) {
        record.action = "key.rotated".parse().unwrap();
    }
    write(&log, &written).await;
    db.sequence().await;
    let filters =
        |name, value| Filters::from_pairs([(name, value)], jiff::Timestamp::UNIX_EPOCH).unwrap();
    for (log, filters) in [
        (&log, filters("action", "key.*")),
        (&over_pool, filters("action", "key.*")),
        (&log, filters("q", "Rotated -action:user.*")),
    ] {
        let query = FeedQuery { filters, ..query(FeedPosition::START, 2) };
        let batch = log.feed(&query, None).await.unwrap();
        let seqs: Vec<_> = batch.items.iter().map(|item| item.seq).collect();
        assert_eq!((seqs.as_slice(), batch.position.seq), ([0, 1_000].as_slice(), 1_000));
        let rest = log.feed(&FeedQuery { after: batch.position, ..query }, None).await.unwrap();
        assert_eq!((rest.items.len(), rest.items[0].seq), (1, 2_000));
        assert_eq!((rest.position.seq, rest.has_more()), (2_499, false));
    }
}

#[tokio::test]
async fn one_read_examines_a_bounded_number_of_entries() {
    let db = TestDb::migrated().await;
    let [log, over_pool] = logs(&db).await;
    add_entries(&db, 25_000).await;
    write(&log, &records(0..1)).await;
    db.sequence().await;
    for log in [&log, &over_pool] {
        let (mut position, mut found, mut reads) = (FeedPosition::START, Vec::new(), 0);
        while position.seq < 25_000 {
            let batch = log.feed(&query(position, 100), None).await.unwrap();
            assert!(batch.position.seq - position.seq <= 10_000);
            position = batch.position;
            found.extend(batch.items);
            reads += 1;
        }
        // The records of the others have left the log.
        assert_eq!((found.len(), found[0].seq, found[0].record.id), (1, 25_000, id(0)));
        assert_eq!(reads, 3);
    }
}

#[tokio::test]
async fn large_records_end_a_read_early() {
    let db = TestDb::migrated().await;
    let [log, over_pool] = logs(&db).await;
    let mut written = records(0..200);
    for record in &mut written {
        record.metadata = Some(Metadata::of(&json!({"text": "x".repeat(60_000)})).unwrap());
    }
    write(&log, &written).await;
    db.sequence().await;
    for log in [&log, &over_pool] {
        let (mut position, mut found, mut reads) = (FeedPosition::START, 0, 0);
        while position.seq < 199 {
            let batch = log.feed(&query(position, 1_000), None).await.unwrap();
            assert!((1..=70).contains(&batch.items.len()), "{}", batch.items.len());
            let after = position.seq + 1;
            assert!(batch.items.iter().map(|item| item.seq).eq(after..=batch.position.seq));
            found += batch.items.len();
            position = batch.position;
            reads += 1;
        }
        assert_eq!((found, reads), (200, 3));
    }
}

#[tokio::test]
async fn records_among_missing_ones_keep_their_seq() {
    let db = TestDb::migrated().await;
    let [log, _] = logs(&db).await;
    add_entries(&db, 1_000).await;
    write(&log, &records(0..3)).await;
    db.sequence().await;
    add_entries(&db, 1_000).await;
    let batch = log.feed(&query(FeedPosition::after(990), 10), None).await.unwrap();
    let found: Vec<(i64, RecordId)> =
        batch.items.iter().map(|item| (item.seq, item.record.id)).collect();
    assert_eq!(found, [(1_000, id(0)), (1_001, id(1)), (1_002, id(2))]);
}
