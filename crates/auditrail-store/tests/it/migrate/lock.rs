//! One runner at a time, and no leaked lock.

use std::time::Duration;

use auditrail_store::migrate::{Event, MigrateError, Runner, silent};
use auditrail_testkit::{TestDb, until};
use tokio::task::JoinSet;

use super::support::{BUILD_WAITS, TABLE, advisory_locks, index, one, run, shop_runner};

/// Starts six runners at once, and returns how many migrations each applied.
async fn six_at_once(runner: &Runner) -> Vec<usize> {
    let mut runs = JoinSet::new();
    for _ in 0..6 {
        let runner = runner.clone();
        runs.spawn(async move { runner.up(None, &mut silent).await.unwrap().migrations.len() });
    }
    let mut applied = runs.join_all().await;
    applied.sort_unstable();
    applied
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_six_concurrent_runners_applies_everything() {
    for _ in 0..30 {
        let db = TestDb::empty().await;
        let runner = Runner::new(db.owner());
        let all = runner.set().migrations().len();
        assert_eq!(six_at_once(&runner).await, [0, 0, 0, 0, 0, all]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runners_wait_for_an_open_transaction() {
    for _ in 0..5 {
        let db = TestDb::empty().await;
        let (index_file, index_sql) = index();
        let add = ("003_column.sql", "alter table shop.things add column m int;");
        shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();

        let mut reader = db.connect(db.owner()).await;
        run(&mut reader, "begin; insert into shop.things values (1)").await;
        let all = shop_runner(&db, &[TABLE, (index_file, &index_sql), add]);
        let runs = tokio::spawn(async move { six_at_once(&all).await });
        let mut observer = db.connect(db.admin()).await;
        // The build of the index waits for the open transaction.
        until(&mut observer, BUILD_WAITS).await;
        run(&mut reader, "commit").await;

        assert_eq!(runs.await.unwrap(), [0, 0, 0, 0, 0, 2]);
        let valid = "select indisvalid from pg_index where indexrelid = 'shop.things_n'::regclass";
        assert!(one::<bool>(&mut observer, valid).await);
    }
}

#[tokio::test]
async fn lock_timeout_reports_the_holder() {
    let db = TestDb::empty().await;
    let slow = ("001_slow.sql", "select pg_sleep(600);");
    let holder = shop_runner(&db, &[slow]);
    let holding = tokio::spawn(async move { holder.up(None, &mut silent).await.map(|_| ()) });
    let mut observer = db.connect(db.admin()).await;
    until(&mut observer, "select exists (select from pg_stat_activity where query like '%600%' and pid <> pg_backend_pid() and datname = current_database())").await;

    let mut holders = Vec::new();
    let mut progress = |event: Event<'_>| {
        if let Event::WaitingForLock { holder } = event {
            holders.push(holder.application.clone());
        }
    };
    let waiting = shop_runner(&db, &[slow]).with_lock_timeout(Duration::from_millis(300));
    let error = waiting.up(None, &mut progress).await.unwrap_err();

    assert!(
        matches!(&error, MigrateError::LockBusy { holder, .. } if holder.pid.is_some()),
        "{error}"
    );
    assert!(error.to_string().contains("auditrail migrate, role auditrail_owner"), "{error}");
    assert_eq!(holders, ["auditrail migrate"]);
    holding.abort();
}

#[tokio::test]
async fn failed_run_releases_the_lock() {
    let db = TestDb::empty().await;
    let mut observer = db.connect(db.admin()).await;
    shop_runner(&db, &[TABLE, ("002_bad.sql", "select 1 / 0;")])
        .up(None, &mut silent)
        .await
        .unwrap_err();
    until(&mut observer, "select not exists (select from pg_stat_activity where application_name = 'auditrail migrate' and datname = current_database())").await;
    assert_eq!(advisory_locks(&mut observer).await, 0);
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
}

#[tokio::test]
async fn cancelled_run_releases_the_lock() {
    let db = TestDb::empty().await;
    let mut observer = db.connect(db.admin()).await;
    let runner = shop_runner(&db, &[("001_slow.sql", "select pg_sleep(600);")]);
    let task = tokio::spawn(async move { runner.up(None, &mut silent).await.map(|_| ()) });
    until(&mut observer, "select exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    until(&mut observer, "select not exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))").await;
}

#[tokio::test]
async fn run_stops_after_losing_its_lock_session() {
    let db = TestDb::empty().await;
    let mut observer = db.connect(db.admin()).await;
    let mut gate = db.connect(db.owner()).await;
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
    run(&mut gate, "begin; lock table shop.things").await;
    let runner = shop_runner(
        &db,
        &[
            TABLE,
            ("002_wait.sql", "lock table shop.things;"),
            ("003_after.sql", "create table shop.after ();"),
        ],
    );
    let task = tokio::spawn(async move { runner.up(None, &mut silent).await.map(|_| ()) });
    until(&mut observer, "select exists (select from pg_stat_activity where query like '%lock table%' and application_name = 'auditrail migrate' and datname = current_database())").await;
    run(&mut observer, "select pg_terminate_backend(l.pid) from pg_locks l where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())").await;
    run(&mut gate, "commit").await;

    let error = task.await.unwrap().unwrap_err();
    assert!(matches!(error, MigrateError::Unreachable { .. }), "{error}");
    assert!(one::<bool>(&mut observer, "select to_regclass('shop.after') is null").await);
}

#[tokio::test]
async fn second_run_is_read_only() {
    let db = TestDb::migrated().await;
    let applied = Runner::new(db.app()).up(None, &mut silent).await.unwrap();
    assert!(applied.migrations.is_empty());
}
