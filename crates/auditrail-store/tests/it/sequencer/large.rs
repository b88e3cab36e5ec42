//! Many records at once.

use auditrail_store::sequencer::Sequencer;
use auditrail_testkit::TestDb;

use super::support::{assert_complete, drain, reconcile, write};
use crate::support::{number, sql};

#[tokio::test]
async fn transaction_of_100_000_records_is_sequenced_in_steps() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    drain(&mut sequencer).await;
    write(&mut owner, 0..100_000).await;
    write(&mut owner, 100_000..100_001).await;
    let before = number(&mut owner, "select count(*) from control_plane.audit_log_entries").await;
    assert_eq!(drain(&mut sequencer).await, 100_001);
    let rows = number(&mut owner, "select count(*) from control_plane.audit_log_entries").await;
    assert_eq!(rows - before, 25);
    assert_eq!(assert_complete(&mut owner).await, 100_001);
    assert_eq!(reconcile(&db.service()).await, (100_001, vec![]));
    // A recovery compares all of them with the entries.
    sequencer.request_recovery().await.unwrap();
    sql(&mut owner, "analyze").await;
    assert_eq!(drain(&mut sequencer).await, 0);
    assert_eq!(assert_complete(&mut owner).await, 100_001);
}

#[tokio::test]
async fn empty_round_starts_the_next_one_behind_rolled_back_rows() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    drain(&mut sequencer).await;
    sql(&mut owner, "begin").await;
    write(&mut owner, 0..20_000).await;
    sql(&mut owner, "rollback").await;
    let done = "select pg_snapshot_xmax(done)::text::bigint from control_plane.audit_log_sequencer";
    let before = number(&mut owner, done).await;
    assert!(!sequencer.look().await.unwrap().has_more);
    sequencer.step().await.unwrap();
    assert!(number(&mut owner, done).await > before);
    write(&mut owner, 0..1).await;
    assert_eq!(drain(&mut sequencer).await, 1);
    assert_eq!(assert_complete(&mut owner).await, 1);
}
