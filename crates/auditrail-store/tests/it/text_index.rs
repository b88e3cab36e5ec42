//! The index of words follows the sequence.

use std::ops::RangeInclusive;

use auditrail_core::{Cursor, CursorKey, Query, Record};
use auditrail_store::PgAuditLog;
use auditrail_store::text_index::{
    STEP_ENTRIES, TextIndexStep, TextIndexer, rebuild_text_blocks, remove_empty_text_blocks,
};
use auditrail_testkit::TestDb;
use sqlx::{Connection, PgConnection};

use crate::support::{number, sql};

/// Sequenced records, a minute apart, with a word of their own.
async fn sequenced(records: usize) -> TestDb {
    let db = TestDb::migrated().await;
    write(&db, 1..=records).await;
    db
}

/// Writes these of the records and gives them their seq.
async fn write(db: &TestDb, numbers: RangeInclusive<usize>) {
    let (first, last) = numbers.into_inner();
    db.as_owner(&format!(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, created_at)
         select lpad(to_hex(n), 32, '0')::uuid, 'u1', 'user', 'project.created', 'project', 'word' || n,
                timestamptz '2024-01-01Z' + n * interval '1 minute'
           from generate_series({first}, {last}) n"
    ))
    .await;
    db.sequence().await;
}

async fn search(db: &TestDb, q: &str) -> Vec<Record> {
    let log = PgAuditLog::new(db.pool(db.service()).await, CursorKey::public());
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let query = Query::from_pairs([("q", q)], &CursorKey::public(), now).unwrap();
    log.page(&query).await.unwrap().data
}

async fn blocks(db: &mut PgConnection) -> i64 {
    number(db, "select count(*) from control_plane.audit_log_text_blocks").await
}

#[tokio::test]
async fn full_blocks_are_indexed_step_by_step() {
    let db = sequenced(STEP_ENTRIES + 300).await;
    let mut indexer = TextIndexer::new(&db.service());
    assert_eq!(indexer.lag().await.unwrap(), STEP_ENTRIES as u64 + 300);
    let first = indexer.step().await.unwrap();
    assert_eq!(first, TextIndexStep::Advanced { entries: STEP_ENTRIES as u64, next_seq: 8_192 });
    let second = indexer.step().await.unwrap();
    assert_eq!(second, TextIndexStep::Advanced { entries: 256, next_seq: 8_448 });
    assert_eq!(indexer.step().await.unwrap(), TextIndexStep::Waiting);
    assert_eq!(indexer.lag().await.unwrap(), 44);
    indexer.close().await;
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(blocks(&mut owner).await, 33);
    // Newer than 8,000 records, and among the first of all.
    for q in ["word7", "word8491"] {
        assert_eq!(search(&db, q).await.len(), 1, "{q}");
    }
}

#[tokio::test]
async fn one_indexer_does_a_step() {
    let db = sequenced(600).await;
    let mut owner = db.connect(db.owner()).await;
    let lock = "select from control_plane.audit_log_text_index for update";
    sql(&mut owner, &format!("begin; {lock}")).await;
    let mut indexer = TextIndexer::new(&db.service());
    assert_eq!(indexer.step().await.unwrap(), TextIndexStep::Locked);
    sql(&mut owner, "commit").await;
    assert_eq!(db.index_words().await, 512);
    // Fewer than a block need no lock.
    sql(&mut owner, &format!("begin; {lock}")).await;
    assert_eq!(indexer.step().await.unwrap(), TextIndexStep::Waiting);
    sql(&mut owner, "commit").await;
    // Of another version of the program.
    sql(&mut owner, "update control_plane.audit_log_text_index set version = 2, next_seq = 0")
        .await;
    assert_eq!(indexer.step().await.unwrap(), TextIndexStep::Locked);
    assert_eq!(search(&db, "word7").await.len(), 1);
}

#[tokio::test]
async fn a_step_that_fails_is_repeated() {
    let db = sequenced(600).await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "insert into control_plane.audit_log_text_blocks
         select 1, now(), gen_random_uuid(), 'infinity', gen_random_uuid(), 1, 64, decode(repeat('00', 8), 'hex')",
    )
    .await;
    let mut indexer = TextIndexer::new(&db.service());
    indexer.step().await.unwrap_err();
    assert_eq!(indexer.lag().await.unwrap(), 600);
    assert_eq!(blocks(&mut owner).await, 1);
    sql(&mut owner, "delete from control_plane.audit_log_text_blocks").await;
    let step = indexer.step().await.unwrap();
    assert_eq!(step, TextIndexStep::Advanced { entries: 512, next_seq: 512 });
    assert_eq!(blocks(&mut owner).await, 2);
}

#[tokio::test]
async fn changed_records_are_found_by_their_new_words_only() {
    let db = sequenced(5_000).await;
    assert_eq!(db.index_words().await, 4_864);
    let record = search(&db, "word1000").await.remove(0);
    let place = Cursor { created_at: record.created_at, id: record.id };
    let change = |word: &str| {
        format!(
            "set local auditrail.maintenance = 'erasure';
             update control_plane.audit_logs set target_name = '{word}', target_id = 'erased' where id = '{}'",
            record.id
        )
    };
    let mut owner = db.connect(db.owner()).await;
    let mut tx = owner.begin().await.unwrap();
    sql(&mut tx, &change("first")).await;
    tx.commit().await.unwrap();
    // The index is of the former text.
    assert_eq!(search(&db, "first").await.len(), 0);
    let mut tx = owner.begin().await.unwrap();
    sql(&mut tx, &change("second")).await;
    assert_eq!(rebuild_text_blocks(&mut tx, &[place]).await.unwrap(), 1);
    // The indexer does not index meanwhile.
    write(&db, 5_001..=5_200).await;
    let mut indexer = TextIndexer::new(&db.service());
    assert_eq!(indexer.step().await.unwrap(), TextIndexStep::Locked);
    tx.commit().await.unwrap();
    assert_eq!(search(&db, "second").await.len(), 1);
    assert_eq!(search(&db, "word1000").await.len(), 0);
    assert_eq!(search(&db, "word1001").await.len(), 1);
}

#[tokio::test]
async fn blocks_without_records_are_removed() {
    let db = sequenced(1_100).await;
    assert_eq!(db.index_words().await, 1_024);
    let mut owner = db.connect(db.owner()).await;
    let delete = |records: u32| {
        format!(
            "begin; set local auditrail.maintenance = 'retention';
             delete from control_plane.audit_logs
              where created_at <= timestamptz '2024-01-01Z' + {records} * interval '1 minute';
             commit"
        )
    };
    assert_eq!(remove_empty_text_blocks(&mut owner, || true).await.unwrap(), 0);
    sql(&mut owner, &delete(700)).await;
    assert_eq!(remove_empty_text_blocks(&mut owner, || false).await.unwrap(), 0);
    assert_eq!(remove_empty_text_blocks(&mut owner, || true).await.unwrap(), 2);
    assert_eq!(blocks(&mut owner).await, 2);
    assert_eq!(search(&db, "word700").await.len(), 0);
    assert_eq!(search(&db, "word701").await.len(), 1);
    // Records that left before they were indexed.
    sql(
        &mut owner,
        "update control_plane.audit_log_text_index set next_seq = 0;
                     delete from control_plane.audit_log_text_blocks",
    )
    .await;
    assert_eq!(db.index_words().await, 1_024);
    assert_eq!(search(&db, "word701").await.len(), 1);
    assert_eq!(blocks(&mut owner).await, 2);
}
