//! Closed partitions are merged.

use std::time::Duration;

use auditrail_store::partitions::{Done, Event, Kind, Limits, Maintenance, PartitionError, silent};
use auditrail_testkit::TestDb;
use tokio::sync::Notify;

use super::support::{contents, insert, late_id, names, one, partitions, run, timed_id};

/// Limits with which three partitions of a few records are merged, and none is closed.
pub(crate) const SMALL: Limits =
    Limits { hot_rows: 1_000_000, fan_in: 3, merged_rows: 1_000_000, attached: 40 };

/// A database with three closed partitions of `rows` records each.
pub(crate) async fn three_closed(rows: u32) -> TestDb {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    for _ in 0..3 {
        insert(&mut owner, &timed_id(0), rows).await;
        Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
    }
    db
}

/// Runs until an event, and ends the run there, as a crash would.
async fn run_until(db: &TestDb, is_last: impl Fn(&Event<'_>) -> bool + Send + Sync) {
    let reached = Notify::new();
    let mut progress = |event: Event<'_>| {
        if is_last(&event) {
            reached.notify_one();
        }
    };
    let maintenance = Maintenance::new(db.owner()).with_limits(SMALL);
    tokio::select! {
        biased;
        () = reached.notified() => {}
        done = maintenance.run(&mut progress) => panic!("the run ended: {done:?}"),
    }
}

/// Runs to the end, after an earlier run has lost its locks.
pub(crate) async fn run_to_the_end(db: &TestDb) -> Done {
    let maintenance = Maintenance::new(db.owner()).with_limits(SMALL);
    loop {
        match maintenance.run(&mut silent).await {
            Err(PartitionError::AnotherProcess) => tokio::task::yield_now().await,
            done => return done.unwrap(),
        }
    }
}

fn is_step(event: &Event<'_>, step: &str) -> bool {
    matches!(event, Event::Step { doing, .. } if *doing == step)
}

#[tokio::test]
async fn merged_partition_has_all_records() {
    let db = three_closed(300).await;
    let mut owner = db.connect(db.owner()).await;
    let before = contents(&mut owner).await;
    let range = partitions(&mut owner).await;
    let done = run_to_the_end(&db).await;
    let after = partitions(&mut owner).await;
    assert_eq!(done.merged, [after[0].name.clone()]);
    assert_eq!((after[0].kind, after.len()), (Kind::Closed, 3), "{after:?}");
    assert_eq!((after[0].lower, after[0].upper), (range[0].lower, range[2].upper));
    // The transaction ids too, so that no record gets a second place in the sequence.
    assert_eq!(contents(&mut owner).await, before);
    let tables: i64 = one(
        &mut owner,
        "select count(*) from pg_class where relname like 'audit\\_logs\\_%' and relkind = 'r'",
    )
    .await;
    assert_eq!(tables, 3, "sources are dropped");
    let (_, differences) =
        auditrail_store::migrate::Runner::new(db.owner()).verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    assert_eq!(run_to_the_end(&db).await, Done::default());
}

#[tokio::test]
async fn late_records_are_in_the_merged_partition() {
    let db = three_closed(300).await;
    let mut app = db.connect(db.app()).await;
    let sources = partitions(&mut app).await;
    run_until(&db, |event| matches!(event, Event::Copied { .. })).await;
    for source in &sources[..3] {
        insert(&mut app, &late_id(source), 5).await;
    }
    run_until(&db, |event| is_step(event, "checking the range")).await;
    insert(&mut app, &late_id(&sources[1]), 5).await;
    let before = contents(&mut app).await;
    assert_eq!(before.0, 920);
    run_to_the_end(&db).await;
    assert_eq!(contents(&mut app).await, before);
    assert_eq!(names(&mut app).await.len(), 3);
}

#[tokio::test]
async fn close_leaves_the_merge_in_progress_valid() {
    for step in ["creating an index", "dropping the partition"] {
        let db = three_closed(100).await;
        let mut owner = db.connect(db.owner()).await;
        run_until(&db, |event| is_step(event, step)).await;
        let copied = "select copied_rows from control_plane.audit_log_partition_work
                       where changes = (select changes from control_plane.audit_log_maintenance)";
        assert_eq!(one::<i64>(&mut owner, copied).await, 300, "{step}");
        // No id is ahead of the clock, so no record is moved.
        insert(&mut owner, &timed_id(-1), 10).await;
        Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
        assert_eq!(one::<i64>(&mut owner, copied).await, 300, "{step}");
        run_to_the_end(&db).await;
        assert_eq!(contents(&mut owner).await.0, 310);
    }
}

#[tokio::test]
async fn vacuum_of_another_partition_delays_no_merge() {
    let db = three_closed(100).await;
    let mut vacuum = db.connect(db.owner()).await;
    let lock = "begin; lock table control_plane.audit_logs_hot in share update exclusive mode";
    run(&mut vacuum, lock).await;
    let maintenance =
        Maintenance::new(db.owner()).with_limits(SMALL).with_lock_timeout(Duration::ZERO);
    assert_eq!(maintenance.run(&mut silent).await.unwrap().merged.len(), 1);
}

#[tokio::test]
async fn merge_does_not_close() {
    let db = three_closed(100).await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(0), 100).await;
    run(&mut owner, "analyze control_plane.audit_logs").await;
    let limits = Limits { hot_rows: 50, ..SMALL };
    let maintenance = Maintenance::new(db.owner()).with_limits(limits);
    let done = maintenance.merge(&mut silent).await.unwrap();
    assert_eq!((done.closed.len(), done.merged.len()), (0, 1));
    assert_eq!(maintenance.run(&mut silent).await.unwrap().closed.len(), 1);
}

#[tokio::test]
async fn record_with_an_old_transaction_id_is_not_lost() {
    let db = three_closed(300).await;
    let mut owner = db.connect(db.owner()).await;
    let sources = partitions(&mut owner).await;
    run_until(&db, |event| matches!(event, Event::Copied { .. })).await;
    // As a restore of a dump would.
    run(
        &mut owner,
        &format!(
            "insert into control_plane.audit_logs
                 (id, actor_id, actor_type, action, target_type, target_id, xact_id)
             values ({}, 'u1', 'user', 'project.created', 'project', 'p1', '3')",
            late_id(&sources[0])
        ),
    )
    .await;
    let before = contents(&mut owner).await;
    run_to_the_end(&db).await;
    assert_eq!(contents(&mut owner).await, before);
}

#[tokio::test]
async fn columns_and_indexes_of_migrations_are_in_the_merged_partition() {
    for step in ["creating an index", "exchanging the partitions"] {
        let db = three_closed(100).await;
        let mut owner = db.connect(db.owner()).await;
        run_until(&db, |event| is_step(event, step)).await;
        run(
            &mut owner,
            "alter table control_plane.audit_logs add column added text;
             create index added on control_plane.audit_logs (added)",
        )
        .await;
        let before = contents(&mut owner).await;
        run_to_the_end(&db).await;
        assert_eq!(contents(&mut owner).await, before, "{step}");
        assert_eq!(names(&mut owner).await.len(), 3, "{step}");
    }
}

const ERASE: &str = "begin;
    set local auditrail.maintenance = 'erasure';
    update control_plane.audit_logs set actor_id = 'erased' where actor_id = 'u1';
    commit";
const REMOVE: &str = "begin;
    set local auditrail.maintenance = 'retention';
    delete from control_plane.audit_logs where actor_id = 'u1';
    commit";

#[tokio::test]
async fn erased_and_removed_records_do_not_come_back() {
    for change in [ERASE, REMOVE] {
        for step in ["creating an index", "exchanging the partitions", "dropping the partition"] {
            let db = three_closed(100).await;
            let mut owner = db.connect(db.owner()).await;
            run_until(&db, |event| is_step(event, step)).await;
            run(&mut owner, change).await;
            let before = contents(&mut owner).await;
            run_to_the_end(&db).await;
            assert_eq!(contents(&mut owner).await, before, "{step}: {change}");
            let left: i64 = one(
                &mut owner,
                "select count(*) from control_plane.audit_logs where actor_id = 'u1'",
            )
            .await;
            assert_eq!(left, 0);
            assert_eq!(names(&mut owner).await.len(), 3, "{step}");
        }
    }
}
