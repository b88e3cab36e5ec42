//! Databases that were restored, moved, or lost their newest records.

use auditrail_store::sequencer::Sequencer;
use auditrail_testkit::{OwnServer, TestDb};
use sqlx::{Connection, PgConnection};

use super::support::{assert_complete, drain, id, order, reconcile, sequence, write};
use crate::support::{number, sql};

/// Uses up ids of transactions.
async fn use_up(db: &mut PgConnection, transactions: u32) {
    let block = format!(
        "do $$ begin for n in 1..{transactions} loop
             perform pg_current_xact_id(); commit;
         end loop; end $$"
    );
    sql(db, &block).await;
}

/// Dumps the database of a server, and restores it into a new one of another server.
fn dump_and_restore(from: &OwnServer, to: &OwnServer, database: &str) {
    let dump = tempfile::NamedTempFile::new().unwrap();
    let mut pg_dump = from.tool("pg_dump");
    let dumped = pg_dump.args(["--format=custom", "--file"]).arg(dump.path()).arg("audit").status();
    assert!(dumped.unwrap().success());
    let mut create = to.tool("createdb");
    assert!(create.args(["--owner=auditrail_owner", database]).status().unwrap().success());
    let mut pg_restore = to.tool("pg_restore");
    let restored = pg_restore.args(["--exit-on-error", "--dbname", database]).arg(dump.path());
    assert!(restored.status().unwrap().success());
}

#[tokio::test]
async fn restored_records_keep_their_seq_in_a_new_cluster() {
    let old = OwnServer::start().await;
    let mut admin = old.connect().await;
    use_up(&mut admin, 300).await;
    for n in 0..200 {
        write(&mut admin, n..n + 1).await;
        if n % 10 == 0 {
            sequence(&old.service()).await;
        }
    }
    // The newest nine are without a seq, and a transaction is open.
    let mut open = old.connect().await;
    sql(&mut open, "begin").await;
    write(&mut open, 1_000..1_001).await;
    let before = order(&mut admin).await;
    assert_eq!(before.len(), 191);

    let new = OwnServer::start().await;
    dump_and_restore(&old, &new, "restored");
    let options = new.other_database("restored").username("auditrail_service");
    let mut restored = PgConnection::connect_with(&new.other_database("restored")).await.unwrap();
    let highest = "select max(xact_id::text::bigint) from control_plane.audit_logs";
    let highest = number(&mut restored, highest).await;
    let current = number(&mut restored, "select pg_current_xact_id()::text::bigint").await;
    assert!(current < highest, "the ids of transactions start again: {current}, {highest}");

    let mut sequencer = Sequencer::new(&options);
    assert!(sequencer.look().await.unwrap().is_recovering);
    // Committed before and during the recovery.
    write(&mut restored, 200..201).await;
    sequencer.step().await.unwrap();
    write(&mut restored, 201..202).await;
    assert_eq!(drain(&mut sequencer).await, 11);
    assert_eq!(order(&mut restored).await[..191], before);
    // Up to the old ids and past them, with stragglers on both sides.
    let mut straggler = PgConnection::connect_with(&new.other_database("restored")).await.unwrap();
    let mut next = 300;
    while number(&mut restored, "select pg_current_xact_id()::text::bigint").await < highest + 300 {
        sql(&mut straggler, "begin").await;
        write(&mut straggler, next..next + 1).await;
        write(&mut restored, next + 1..next + 3).await;
        assert_eq!(drain(&mut sequencer).await, 2);
        use_up(&mut restored, 10).await;
        sql(&mut straggler, "commit").await;
        assert_eq!(drain(&mut sequencer).await, 1);
        next += 3;
    }
    assert!(assert_complete(&mut restored).await > 250);
    assert_eq!(order(&mut restored).await[..191], before);
    assert_eq!(reconcile(&options).await.1, []);
}

#[tokio::test]
async fn restore_into_another_database_of_the_cluster_recovers() {
    let server = OwnServer::start().await;
    let mut admin = server.connect().await;
    write(&mut admin, 0..5_000).await;
    sequence(&server.service()).await;
    write(&mut admin, 5_000..5_010).await;
    dump_and_restore(&server, &server, "second");
    let options = server.other_database("second").username("auditrail_service");
    let mut second = PgConnection::connect_with(&server.other_database("second")).await.unwrap();
    write(&mut second, 6_000..6_001).await;
    assert_eq!(sequence(&options).await, 11);
    assert_eq!(assert_complete(&mut second).await, 5_011);
    assert_eq!(reconcile(&options).await, (5_011, vec![]));
    // The first goes on by itself.
    assert_eq!(sequence(&server.service()).await, 10);
    assert_eq!(assert_complete(&mut admin).await, 5_010);
}

#[tokio::test]
async fn position_of_another_transaction_is_not_trusted() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    // As in a service that must not identify the cluster.
    let mut admin = db.connect(db.admin()).await;
    sql(&mut admin, "revoke execute on function pg_control_system() from public").await;
    write(&mut owner, 0..10).await;
    sequence(&db.service()).await;
    let cluster: String =
        sqlx::query_scalar("select cluster from control_plane.audit_log_sequencer")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert!(cluster.starts_with("unknown/"), "{cluster}");
    let mut sequencer = Sequencer::new(&db.service());
    assert!(!sequencer.look().await.unwrap().is_recovering);
    // As a restore does: the same values from another transaction.
    sql(&mut owner, "update control_plane.audit_log_sequencer set next_seq = next_seq").await;
    assert!(sequencer.look().await.unwrap().is_recovering);
    assert_eq!(drain(&mut sequencer).await, 0);
    assert_eq!(assert_complete(&mut owner).await, 10);
}

#[tokio::test]
async fn server_that_lost_its_newest_records_goes_on() {
    let mut server = OwnServer::start().await;
    let mut admin = server.connect().await;
    write(&mut admin, 0..10).await;
    sequence(&server.service()).await;
    write(&mut admin, 10..15).await;
    drop(admin);
    let saved = server.save();
    let mut admin = server.connect().await;
    write(&mut admin, 15..40).await;
    assert_eq!(sequence(&server.service()).await, 30);
    drop(admin);
    server.go_back_to(&saved);
    let mut admin = server.connect().await;
    write(&mut admin, 50..51).await;
    let mut sequencer = Sequencer::new(&server.service());
    assert!(!sequencer.look().await.unwrap().is_recovering);
    assert_eq!(drain(&mut sequencer).await, 6);
    let expected: Vec<_> = (0..15).chain([50]).map(id).collect();
    assert_eq!(order(&mut admin).await, expected);
    assert_eq!(reconcile(&server.service()).await, (16, vec![]));
}
