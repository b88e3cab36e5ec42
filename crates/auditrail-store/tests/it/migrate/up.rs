//! Steps in transactions.

use std::time::Duration;

use auditrail_store::migrate::{Event, MigrateError, MigrationSet, Runner, silent};
use auditrail_testkit::TestDb;

use super::support::{TABLE, one, run, shop, shop_runner};

#[tokio::test]
async fn failed_step_is_rolled_back_and_earlier_ones_stay() {
    let db = TestDb::empty().await;
    let bad = ("002_bad.sql", "create table shop.half ();\ninsert into shop.things values ('x');");
    let error = shop_runner(&db, &[TABLE, bad]).up(None, &mut silent).await.unwrap_err();

    let text = error.to_string();
    assert!(text.contains("002_bad.sql failed: invalid input syntax for type integer"), "{text}");
    assert!(text.contains("002_bad.sql:6:33"), "{text}");
    assert!(text.contains("6 | insert into shop.things values ('x');"), "{text}");
    let mut observer = db.connect(db.owner()).await;
    assert!(one::<bool>(&mut observer, "select to_regclass('shop.half') is null").await);
    let versions = "select array_agg(version) from shop.schema_migrations";
    assert_eq!(one::<Vec<i64>>(&mut observer, versions).await, [1]);
}

#[tokio::test]
async fn step_that_fails_at_commit_is_rolled_back() {
    let db = TestDb::empty().await;
    let deferred = (
        "001_deferred.sql",
        "create table shop.p (n int primary key);
         create table shop.c (n int references shop.p deferrable initially deferred);
         insert into shop.c values (1);",
    );
    let error = shop_runner(&db, &[deferred]).up(None, &mut silent).await.unwrap_err();
    assert!(matches!(error, MigrateError::StepFailed { .. }), "{error}");
    let mut observer = db.connect(db.owner()).await;
    assert!(one::<bool>(&mut observer, "select to_regclass('shop.p') is null").await);
}

#[tokio::test]
async fn file_that_ends_its_transaction_is_detected() {
    let db = TestDb::empty().await;
    let bad = ("001_commit.sql", "create table shop.a (); commit; create table shop.b ();");
    let error = shop_runner(&db, &[bad]).up(None, &mut silent).await.unwrap_err();
    assert!(matches!(error, MigrateError::TransactionEnded { .. }), "{error}");
    let mut observer = db.connect(db.owner()).await;
    assert_eq!(one::<i64>(&mut observer, "select count(*) from shop.schema_migrations").await, 0);
}

#[tokio::test]
async fn unqualified_names_fail_with_any_search_path() {
    let db = TestDb::empty().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "do $$ begin execute format('alter role auditrail_owner in database %I set search_path = public', current_database()); end $$").await;
    let loose = ("001_loose.sql", "create table loose ();");
    let error = shop_runner(&db, &[loose]).up(None, &mut silent).await.unwrap_err();
    assert!(error.to_string().contains("no schema has been selected"), "{error}");
}

#[tokio::test]
async fn step_waits_for_a_locked_table_in_short_attempts() {
    let db = TestDb::empty().await;
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
    let mut reader = Some(db.connect(db.owner()).await);
    run(reader.as_mut().unwrap(), "begin; select * from shop.things").await;

    let mut blockers = 0;
    let mut release = |event: Event<'_>| {
        if let Event::Retrying { blockers: sessions, .. } = event {
            blockers = sessions.len();
            // Dropping the connection ends its transaction.
            drop(reader.take());
        }
    };
    let add = ("002_column.sql", "alter table shop.things add column m int;");
    let applied = shop_runner(&db, &[TABLE, add]).up(None, &mut release).await.unwrap();

    assert_eq!(applied.migrations.len(), 1);
    assert_eq!(blockers, 1);
}

#[tokio::test]
async fn blocked_step_reports_the_blocking_session() {
    let db = TestDb::empty().await;
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
    let mut reader = db.connect(db.owner().application_name("reports")).await;
    run(&mut reader, "begin; select * from shop.things").await;

    let add = ("002_column.sql", "alter table shop.things add column m int;");
    let runner = shop_runner(&db, &[TABLE, add]).with_lock_timeout(Duration::from_millis(300));
    let error = runner.up(None, &mut silent).await.unwrap_err();

    assert!(matches!(error, MigrateError::TableBusy { .. }), "{error}");
    assert!(
        error.to_string().contains("reports, role auditrail_owner, idle in transaction"),
        "{error}"
    );
    run(&mut reader, "rollback").await;
    runner.up(None, &mut silent).await.unwrap();
}

#[tokio::test]
async fn run_stops_at_the_requested_version() {
    let db = TestDb::empty().await;
    let files =
        [TABLE, ("002_b.sql", "create table shop.b ();"), ("003_c.sql", "create table shop.c ();")];
    let runner = shop_runner(&db, &files);
    let planned: Vec<i64> =
        runner.plan(Some(2)).await.unwrap().iter().map(|m| m.version()).collect();
    assert_eq!(planned, [1, 2]);
    assert_eq!(runner.up(Some(2), &mut silent).await.unwrap().migrations.len(), 2);
    let planned: Vec<i64> = runner.plan(None).await.unwrap().iter().map(|m| m.version()).collect();
    assert_eq!(planned, [3]);
    let error = runner.plan(Some(7)).await.unwrap_err();
    assert!(matches!(error, MigrateError::NoSuchVersion { version: 7, latest: 3 }), "{error}");
}

#[tokio::test]
async fn plan_writes_nothing() {
    let db = TestDb::empty().await;
    shop_runner(&db, &[TABLE]).plan(None).await.unwrap();
    let mut observer = db.connect(db.owner()).await;
    assert!(one::<bool>(&mut observer, "select to_regnamespace('shop') is null").await);
}

#[tokio::test]
async fn transaction_id_migration_rewrites_no_row() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    runner.up(Some(5), &mut silent).await.unwrap();
    let mut observer = db.connect(db.owner()).await;
    let filenode = "select pg_relation_filenode('control_plane.audit_logs')::int8";
    let before: i64 = one(&mut observer, filenode).await;
    runner.up(Some(6), &mut silent).await.unwrap();
    assert_eq!(one::<i64>(&mut observer, filenode).await, before);
}

#[tokio::test]
async fn missing_privileges_are_explained() {
    let db = TestDb::empty().await;
    let error = Runner::new(db.app()).up(None, &mut silent).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("permission denied for database"), "{text}");
    assert!(text.contains("hint: migrations need a role that owns the schema"), "{text}");
}

#[tokio::test]
async fn existing_table_is_an_error_with_a_hint() {
    let db = TestDb::empty().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "create schema control_plane; create table control_plane.audit_logs (id uuid)")
        .await;
    let error = Runner::new(db.owner()).up(None, &mut silent).await.unwrap_err();
    assert!(error.to_string().contains("`migrate baseline` adopts it"), "{error}");
}

#[tokio::test]
async fn unreachable_database_is_reported() {
    let nowhere = "postgres://u@localhost/d?host=/nonexistent".parse().unwrap();
    let error = Runner::new(nowhere).up(None, &mut silent).await.unwrap_err();
    assert!(matches!(error, MigrateError::Unreachable { .. }), "{error}");
}

#[test]
fn invalid_files_of_a_directory_are_reported() {
    let two = std::panic::catch_unwind(|| shop(&[("001_a.sql", ""), ("001_b.sql", "")]));
    assert!(two.is_err());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("001_a.down.sql"), "").unwrap();
    let error = MigrationSet::from_dir("shop", dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("001_a.sql: it reverts a migration that does not exist"),
        "{error}"
    );
}
