//! The hot partition is closed.

#![expect(clippy::print_stdout, reason = "figures, for those who run the test by hand")]

use std::time::Duration;

use auditrail_store::partitions::{Bound, Kind, Maintenance, PartitionError, silent};
use auditrail_testkit::TestDb;

use super::load::{Load, assert_all_present};
use super::support::{contents, insert, names, one, partitions, run, timed_id, timed_id_at};

#[tokio::test]
async fn closed_partition_keeps_its_records() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    insert(&mut app, &timed_id(-1), 500).await;
    let before = contents(&mut app).await;
    let closed = Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
    let layout = partitions(&mut app).await;
    assert_eq!(layout[0].name, closed);
    assert_eq!(layout[0].upper, layout[1].lower);
    let kinds: Vec<Kind> = layout.iter().map(|partition| partition.kind).collect();
    assert_eq!(kinds, [Kind::Closed, Kind::Hot, Kind::Rest]);
    assert_eq!(contents(&mut app).await, before);
    let mut owner = db.connect(db.owner()).await;
    let count = async |owner: &mut _, table: &str| {
        one::<i64>(owner, &format!("select count(*) from control_plane.{table}")).await
    };
    assert_eq!(count(&mut owner, &closed).await, 500);
    insert(&mut app, &timed_id(0), 1).await;
    assert_eq!(count(&mut owner, "audit_logs_hot").await, 1);
    // A record that arrives late.
    insert(&mut app, &timed_id(-1), 1).await;
    assert_eq!(count(&mut owner, &closed).await, 501);
}

#[tokio::test]
async fn closed_partition_passes_the_verification() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(-1), 10).await;
    let closed = Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
    let (_, differences) =
        auditrail_store::migrate::Runner::new(db.owner()).verify().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
    let foreign: i64 = one(
        &mut owner,
        &format!(
            "select count(*) from pg_class i join pg_index x on x.indexrelid = i.oid
              where x.indrelid = 'control_plane.{closed}'::regclass
                and i.relname not like '%{closed}%'"
        ),
    )
    .await;
    assert_eq!(foreign, 0, "indexes are named after their table");
}

#[tokio::test]
async fn ids_ahead_of_the_clock_stay_hot() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(-1), 100).await;
    insert(&mut owner, &timed_id(86_400), 50).await;
    let before = contents(&mut owner).await;
    Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
    let hot: i64 = one(&mut owner, "select count(*) from control_plane.audit_logs_hot").await;
    assert_eq!(hot, 50);
    assert_eq!(contents(&mut owner).await, before);
}

#[tokio::test]
async fn bound_is_ahead_if_the_clocks_of_all_writers_are() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(86_400), 10_500).await;
    let before = contents(&mut owner).await;
    let closed = Maintenance::new(db.owner()).close(&mut silent).await.unwrap();
    assert!(closed.is_some());
    let hot: i64 = one(&mut owner, "select count(*) from control_plane.audit_logs_hot").await;
    assert!(hot <= 10_000, "{hot} records were moved");
    assert_eq!(contents(&mut owner).await, before);
    // Records of correct clocks are written and found.
    insert(&mut owner, &timed_id(0), 1).await;
    assert_eq!(contents(&mut owner).await.0, before.0 + 1);
}

#[tokio::test]
async fn ids_of_other_times_are_written_and_found() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(0), 10).await;
    Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
    for id in [
        "'00000000-0000-0000-0000-000000000000'".to_owned(),
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'".to_owned(),
        timed_id_at("1970-01-02"),
        timed_id_at("2099-12-31"),
        timed_id_at("2100-01-01"),
        timed_id_at("2100-06-01"),
        timed_id(-86_400),
        timed_id(86_400),
        format!("'{}'", Bound::HORIZON.id()),
    ] {
        let before = contents(&mut owner).await.0;
        insert(&mut owner, &id, 1).await;
        assert_eq!(contents(&mut owner).await.0, before + 1, "{id}");
    }
    Maintenance::new(db.owner()).close(&mut silent).await.unwrap().unwrap();
    assert_eq!(contents(&mut owner).await.0, 19);
}

#[tokio::test]
async fn long_reader_delays_the_close_and_not_the_writers() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(-1), 10).await;
    let mut reader = db.connect(db.reader()).await;
    run(&mut reader, "begin; select * from control_plane.audit_logs").await;
    let load = Load::start(&db, 2, &timed_id(0)).await;
    let maintenance = Maintenance::new(db.owner()).with_lock_timeout(Duration::from_millis(600));
    let error = maintenance.close(&mut silent).await.unwrap_err();
    assert!(
        matches!(&error, PartitionError::Busy { blockers, .. } if !blockers.is_empty()),
        "{error}"
    );
    load.more(10).await;
    let written = load.stop().await;
    println!("the longest insert: {:?}", written.worst);
    assert_all_present(&mut owner, &written.ids).await;
    assert_eq!(names(&mut owner).await.len(), 2);
    run(&mut reader, "commit").await;
    assert!(maintenance.close(&mut silent).await.unwrap().is_some());
    assert_all_present(&mut owner, &written.ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_written_while_partitions_are_closed() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let load = Load::start(&db, 4, &timed_id(0)).await;
    load.more(200).await;
    let maintenance = Maintenance::new(db.owner());
    let mut closed = 0;
    while closed < 3 {
        closed += usize::from(maintenance.close(&mut silent).await.unwrap().is_some());
        load.more(50).await;
    }
    let written = load.stop().await;
    println!("{} inserts, the longest {:?}", written.ids.len(), written.worst);
    assert_all_present(&mut owner, &written.ids).await;
    assert_eq!(contents(&mut owner).await.0, i64::try_from(written.ids.len()).unwrap());
}

#[tokio::test]
async fn vacuum_of_another_partition_delays_no_close() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(-1), 10).await;
    let maintenance = Maintenance::new(db.owner()).with_lock_timeout(Duration::ZERO);
    let closed = maintenance.close(&mut silent).await.unwrap().unwrap();
    insert(&mut owner, &timed_id(0), 10).await;
    let mut vacuum = db.connect(db.owner()).await;
    // The lock of VACUUM and ANALYZE.
    let lock = format!("begin; lock table control_plane.{closed} in share update exclusive mode");
    run(&mut vacuum, &lock).await;
    assert!(maintenance.close(&mut silent).await.unwrap().is_some());
}
