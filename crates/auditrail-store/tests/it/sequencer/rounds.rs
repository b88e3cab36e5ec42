//! Rounds and steps.

use auditrail_store::sequencer::{Advance, STEP_RECORDS, Sequencer, Step};
use auditrail_testkit::TestDb;

use super::support::{assert_complete, drain, id, order, reconcile, sequence, write};
use crate::support::{number, sql};

#[tokio::test]
async fn records_get_a_seq_in_the_order_of_their_commit() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let mut sequencer = Sequencer::new(&db.service());
    write(&mut app, 5..7).await;
    assert_eq!(drain(&mut sequencer).await, 2);
    write(&mut app, 1..3).await;
    write(&mut app, 0..1).await;
    assert_eq!(drain(&mut sequencer).await, 3);
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(order(&mut owner).await, [5, 6, 1, 2, 0].map(id));
    assert_eq!(drain(&mut sequencer).await, 0);
}

#[tokio::test]
async fn records_from_before_the_sequencer_get_a_seq_first() {
    let db = TestDb::empty().await;
    let runner = auditrail_store::migrate::Runner::new(db.owner());
    let mut owner = db.connect(db.owner()).await;
    runner.up(Some(1), &mut auditrail_store::migrate::silent).await.unwrap();
    // One xact_id for all of them, from migration 006, and more than two steps.
    write(&mut owner, 0..10_000).await;
    runner.up(None, &mut auditrail_store::migrate::silent).await.unwrap();
    let mut sequencer = Sequencer::new(&db.owner());
    assert!(sequencer.look().await.unwrap().is_recovering);
    let first = sequencer.step().await.unwrap();
    assert!(matches!(first, Step::Advanced(Advance { is_recovery: true, sequenced: 0, .. })));
    let second = sequencer.step().await.unwrap();
    let Step::Advanced(second) = second else { panic!("{second:?}") };
    assert_eq!((second.sequenced, second.is_complete), (STEP_RECORDS, false));
    // Written meanwhile.
    write(&mut owner, 10_000..10_001).await;
    assert_eq!(drain(&mut sequencer).await, 10_001 - STEP_RECORDS);
    assert!(!sequencer.look().await.unwrap().is_recovering);
    let ids: Vec<_> = (0..10_001).map(id).collect();
    assert_eq!(order(&mut owner).await, ids);
    assert_eq!(reconcile(&db.owner()).await, (10_001, vec![]));
}

#[tokio::test]
async fn idle_look_writes_nothing() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    write(&mut owner, 0..10).await;
    let mut sequencer = Sequencer::new(&db.service());
    drain(&mut sequencer).await;
    let position = "select xact_id::text::bigint from control_plane.audit_log_sequencer";
    let before = number(&mut owner, position).await;
    // A transaction that writes elsewhere.
    sql(&mut owner, "create table public.other (id int)").await;
    for _ in 0..3 {
        let look = sequencer.look().await.unwrap();
        assert_eq!((look.next_seq, look.has_more, look.is_recovering), (10, false, false));
    }
    assert_eq!(number(&mut owner, position).await, before);
}

#[tokio::test]
async fn dropped_step_is_repeated() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    for round in 0..20 {
        write(&mut owner, round * 100..round * 100 + 100).await;
        let pause = std::time::Duration::from_micros(u64::from(round) * 300);
        drop(tokio::time::timeout(pause, sequencer.step()).await);
    }
    loop {
        // The server may not have noticed yet that an abandoned step is gone.
        if let Step::Advanced(Advance { sequenced: 0, is_complete: true, .. }) =
            sequencer.step().await.unwrap()
        {
            break;
        }
    }
    assert_eq!(assert_complete(&mut owner).await, 2_000);
}

#[tokio::test]
async fn entries_are_immutable_for_every_role() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    write(&mut owner, 0..10).await;
    sequence(&db.service()).await;
    let before = order(&mut owner).await;
    for role in [db.owner(), db.service(), db.app(), db.reader(), db.admin()] {
        let mut role = db.connect(role).await;
        for settings in ["", "set session_replication_role = replica; "] {
            for change in [
                "update control_plane.audit_log_entries set ids = ids",
                "update control_plane.audit_log_entries set first_seq = first_seq + 1",
                "delete from control_plane.audit_log_entries",
                "truncate control_plane.audit_log_entries",
                "set auditrail.maintenance = 'retention'; delete from control_plane.audit_log_entries",
            ] {
                let change = format!("{settings}{change}");
                let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(change.clone())).execute(&mut role);
                let error = outcome.await.expect_err(&change);
                let code = error.as_database_error().unwrap().code().unwrap().into_owned();
                assert_eq!(code, "42501", "{change}: {error}");
            }
        }
    }
    assert_eq!(order(&mut owner).await, before);
}

#[tokio::test]
async fn missing_position_is_an_error() {
    let db = TestDb::migrated().await;
    db.as_owner("delete from control_plane.audit_log_sequencer").await;
    let error = Sequencer::new(&db.service()).look().await.unwrap_err();
    assert_eq!(error.code(), "database_error");
}

#[tokio::test]
async fn table_of_several_servers_is_refused() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    // The catalog of Citus.
    sql(
        &mut admin,
        "set allow_system_table_mods = on;
         create table pg_catalog.pg_dist_partition (logicalrelid regclass);
         grant select on pg_catalog.pg_dist_partition to public",
    )
    .await;
    let mut sequencer = Sequencer::new(&db.service());
    sequencer.look().await.unwrap();
    sequencer.close().await;
    sql(&mut admin, "insert into pg_catalog.pg_dist_partition values ('control_plane.audit_logs')")
        .await;
    let error = Sequencer::new(&db.service()).step().await.unwrap_err();
    assert_eq!(error.code(), "distributed_table");
}
