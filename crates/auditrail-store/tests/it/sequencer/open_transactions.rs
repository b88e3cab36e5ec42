//! Transactions that are open for long.

use auditrail_store::sequencer::Sequencer;
use auditrail_testkit::{OwnServer, TestDb};

use super::support::{drain, id, order, reconcile, sequence, write};
use crate::support::sql;

#[tokio::test]
async fn open_transaction_holds_up_no_other() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut long = db.connect(db.app()).await;
    let mut sequencer = Sequencer::new(&db.service());
    sql(&mut long, "begin").await;
    write(&mut long, 0..2).await;
    for n in 10..15 {
        write(&mut owner, n..n + 1).await;
        assert_eq!(drain(&mut sequencer).await, 1);
    }
    assert_eq!(reconcile(&db.service()).await, (5, vec![]));
    sql(&mut long, "savepoint a").await;
    write(&mut long, 2..3).await;
    sql(&mut long, "rollback to a").await;
    write(&mut long, 3..4).await;
    sql(&mut long, "commit").await;
    assert_eq!(drain(&mut sequencer).await, 3);
    assert_eq!(order(&mut owner).await, [10, 11, 12, 13, 14, 0, 1, 3].map(id));
}

#[tokio::test]
async fn straggler_of_the_round_in_progress_waits_for_the_next() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut long = db.connect(db.app()).await;
    let mut sequencer = Sequencer::new(&db.service());
    drain(&mut sequencer).await;
    sql(&mut long, "begin").await;
    write(&mut long, 0..5_000).await;
    write(&mut owner, 10_000..15_000).await;
    // The first step of two.
    sequencer.step().await.unwrap();
    sql(&mut long, "commit").await;
    assert_eq!(drain(&mut sequencer).await, 10_000 - 4_096);
    let expected: Vec<_> = (10_000..15_000).chain(0..5_000).map(id).collect();
    assert_eq!(order(&mut owner).await, expected);
}

#[tokio::test]
async fn rolled_back_transaction_leaves_no_seq() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut long = db.connect(db.app()).await;
    let mut sequencer = Sequencer::new(&db.service());
    sql(&mut long, "begin").await;
    write(&mut long, 0..2).await;
    write(&mut owner, 2..3).await;
    assert_eq!(drain(&mut sequencer).await, 1);
    sql(&mut long, "rollback").await;
    write(&mut owner, 3..4).await;
    assert_eq!(drain(&mut sequencer).await, 1);
    assert_eq!(order(&mut owner).await, [2, 3].map(id));
}

#[tokio::test]
async fn prepared_transaction_gets_its_seq_when_it_is_committed() {
    let mut server = OwnServer::start().await;
    server.run("alter system set max_prepared_transactions = 10").await;
    server.stop_and_start();
    let mut admin = server.connect().await;
    sql(&mut admin, "begin").await;
    write(&mut admin, 0..2).await;
    sql(&mut admin, "prepare transaction 'long'").await;
    write(&mut admin, 10..11).await;
    assert_eq!(sequence(&server.service()).await, 1);
    drop(admin);
    server.stop_and_start();
    let mut admin = server.connect().await;
    // Further apart than the transactions of one row of entries.
    sql(
        &mut admin,
        "do $$ begin for n in 1..70000 loop
             perform pg_current_xact_id(); commit;
         end loop; end $$",
    )
    .await;
    write(&mut admin, 11..12).await;
    sql(&mut admin, "commit prepared 'long'").await;
    assert_eq!(sequence(&server.service()).await, 3);
    assert_eq!(order(&mut admin).await, [10, 0, 1, 11].map(id));
    assert_eq!(reconcile(&server.service()).await, (4, vec![]));
}
