//! `auditrail partition adopt` partitions a table while records are written.

#![expect(clippy::print_stdout, reason = "figures, for those who run the test by hand")]

use std::env;
use std::time::Duration;

use auditrail_store::migrate::{Runner, silent};
use auditrail_store::partitions::{self, Event, Maintenance, PartitionError};
use auditrail_testkit::TestDb;
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::load::{Load, assert_all_present};
use super::support::{contents, insert, migrate, names, one, run, timed_id};

/// The number of records: enough for the steps of a large table, and in `AUDITRAIL_ADOPT_ROWS` for measurements.
fn rows() -> u32 {
    env::var("AUDITRAIL_ADOPT_ROWS").map_or(60_000, |rows| rows.parse().unwrap())
}

/// A migrated database with a plain table of [`rows`] records with these ids. They are inserted before the
/// indexes are created.
async fn large(id: &str) -> TestDb {
    let db = TestDb::empty().await;
    Runner::new(db.owner()).up(Some(2), &mut silent).await.unwrap();
    insert(&mut db.connect(db.owner()).await, id, rows()).await;
    assert!(migrate(&db).await.not_partitioned.is_some());
    db.as_owner(
        "grant usage on schema control_plane to auditrail_app;
         grant select, insert on control_plane.audit_logs to auditrail_app",
    )
    .await;
    db
}

/// Adopts the table under load. Returns the number of records in the hot partition just afterwards.
async fn adopt_under_load(id_of_records: &str, id_of_writers: &str) -> i64 {
    let db = large(id_of_records).await;
    let mut owner = db.connect(db.owner()).await;
    let undisturbed = Load::start(&db, 3, id_of_writers).await;
    undisturbed.more(300).await;
    let undisturbed = undisturbed.stop().await;
    let before = contents(&mut owner).await;

    let load = Load::start(&db, 3, id_of_writers).await;
    load.more(100).await;
    let started = Instant::now();
    let is_changed = Maintenance::new(db.owner()).adopt(&mut partitions::silent).await.unwrap();
    let took = started.elapsed();
    assert!(is_changed);
    let hot: i64 = one(&mut owner, "select count(*) from control_plane.audit_logs_hot").await;
    load.more(100).await;
    let written = load.stop().await;
    println!(
        "adopted {} records in {took:?}; {} inserts meanwhile, the longest {:?}, undisturbed {:?}",
        before.0,
        written.ids.len(),
        written.worst,
        undisturbed.worst
    );
    let limit = Duration::from_millis(200) + 2 * undisturbed.worst;
    assert!(written.worst < limit, "an insert waited {:?}, limit {limit:?}", written.worst);
    assert_all_present(&mut owner, &written.ids).await;
    run(&mut owner, "create temp table written (id uuid)").await;
    sqlx::query("insert into written select unnest($1::uuid[])")
        .bind(&written.ids)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(contents_without(&mut owner).await, before);
    assert_clean(&mut owner).await;
    let maintenance = Maintenance::new(db.owner());
    assert!(!maintenance.adopt(&mut partitions::silent).await.unwrap());
    // The range of the hot partition is still to come.
    assert_eq!(maintenance.close(&mut partitions::silent).await.unwrap(), None);
    hot
}

/// As [`contents`], without the records of the table `written`.
async fn contents_without(db: &mut PgConnection) -> (i64, String) {
    sqlx::query_as(
        "select count(*), coalesce(md5(string_agg(md5(log::text), '' order by id)), '')
           from control_plane.audit_logs log where id not in (select id from written)",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

/// The layout is complete, and nothing of the adoption is left.
async fn assert_clean(db: &mut PgConnection) {
    assert_eq!(names(db).await, ["audit_logs_hot", "audit_logs_rest"]);
    let checks: Vec<(String, bool)> = sqlx::query_as(
        "select conname::text, convalidated from pg_constraint
          where conrelid = 'control_plane.audit_logs_rest'::regclass
            and conname in ('audit_logs_rest_ids', 'audit_logs_adoption')",
    )
    .fetch_all(&mut *db)
    .await
    .unwrap();
    assert_eq!(checks, [("audit_logs_rest_ids".to_owned(), true)]);
    let left: i64 = one(
        db,
        "select (select count(*) from control_plane.audit_log_partition_work)
              + (select count(*) from pg_proc where proname = 'audit_log_adoption_is_lenient')",
    )
    .await;
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_with_timed_ids_are_written_during_adoption() {
    let hot = adopt_under_load(&timed_id(-100_000), &timed_id(0)).await;
    // Their time is before the bound, which is a minute ahead.
    assert_eq!(hot, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_with_random_ids_are_written_during_adoption() {
    let hot = adopt_under_load("gen_random_uuid()", "default").await;
    // One in 120 is in the range of the hot partition.
    assert!(hot > 100, "{hot}");
}

#[tokio::test]
async fn migrate_does_not_lock_a_large_table() {
    let db = large("gen_random_uuid()").await;
    let mut reader = db.connect(db.owner()).await;
    run(&mut reader, "begin; select from control_plane.audit_logs limit 1").await;
    let runner = Runner::new(db.owner()).with_lock_timeout(Duration::ZERO);
    let reason = runner.up(None, &mut silent).await.unwrap().not_partitioned.unwrap();
    assert!(reason.contains("has many records"), "{reason}");
}

#[tokio::test]
async fn run_before_the_exchange_names_the_command() {
    let db = large("gen_random_uuid()").await;
    let maintenance = Maintenance::new(db.owner());
    let scanning = Notify::new();
    let mut progress = |event: Event<'_>| {
        if matches!(event, Event::Step { doing: "scanning the table", .. }) {
            scanning.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = scanning.notified() => {}
        _ = maintenance.adopt(&mut progress) => panic!("it was not interrupted"),
    }
    let error = loop {
        match maintenance.run(&mut partitions::silent).await {
            Err(PartitionError::AnotherProcess) => {}
            outcome => break outcome.unwrap_err(),
        }
    };
    assert!(matches!(error, PartitionError::NotPartitioned), "{error}");
    assert!(maintenance.adopt(&mut partitions::silent).await.unwrap());
}
