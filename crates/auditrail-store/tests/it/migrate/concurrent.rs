//! Steps outside a transaction: an index is completed or dropped.

use std::time::Duration;

use auditrail_store::migrate::{Event, MigrateError, silent};
use auditrail_testkit::{TestDb, until};

use super::support::{BUILD_WAITS, TABLE, index, one, run, shop_runner};

const INVALID: &str = "select exists (select from pg_index where not indisvalid)";
const MISSING: &str = "select to_regclass('shop.things_n') is null";
const VALID: &str = "select coalesce((select indisvalid from pg_index where indexrelid = to_regclass('shop.things_n')), false)";

#[tokio::test]
async fn failed_build_is_dropped_and_not_tracked() {
    let db = TestDb::empty().await;
    let (file, sql) = index();
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "insert into shop.things values (1), (1)").await;

    let error = shop_runner(&db, &[TABLE, (file, &sql)]).up(None, &mut silent).await.unwrap_err();

    assert!(error.to_string().contains("could not create unique index"), "{error}");
    assert!(error.to_string().contains("Key (n)=(1) is duplicated"), "{error}");
    assert!(one::<bool>(&mut owner, MISSING).await);
    assert_eq!(one::<i64>(&mut owner, "select max(version) from shop.schema_migrations").await, 1);
}

#[tokio::test]
async fn interrupted_build_is_dropped_and_repeated() {
    let db = TestDb::empty().await;
    let (file, sql) = index();
    let runner = shop_runner(&db, &[TABLE, (file, &sql)]);
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut gate = db.connect(db.owner()).await;
    run(&mut gate, "begin; insert into shop.things values (1)").await;
    let interrupted = runner.clone();
    let task = tokio::spawn(async move { interrupted.up(None, &mut silent).await.map(|_| ()) });
    let mut observer = db.connect(db.admin()).await;
    until(&mut observer, BUILD_WAITS).await;
    run(
        &mut observer,
        "select pg_terminate_backend(pid) from pg_stat_progress_create_index
            where datname = current_database()",
    )
    .await;
    assert!(matches!(task.await.unwrap().unwrap_err(), MigrateError::Unreachable { .. }));
    assert!(one::<bool>(&mut observer, INVALID).await);
    run(&mut gate, "commit").await;

    let mut dropped_indexes = Vec::new();
    let mut watch = |event: Event<'_>| {
        if let Event::Healed { index } = event {
            dropped_indexes.push(index.to_owned());
        }
    };
    runner.up(None, &mut watch).await.unwrap();

    assert_eq!(dropped_indexes, ["things_n"]);
    assert!(one::<bool>(&mut observer, VALID).await);
}

#[tokio::test]
async fn valid_untracked_index_is_tracked_without_a_build() {
    let db = TestDb::empty().await;
    let (file, sql) = index();
    let runner = shop_runner(&db, &[TABLE, (file, &sql)]);
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "create unique index things_n on shop.things (n)").await;
    let oid = "select 'shop.things_n'::regclass::oid::int8";
    let before: i64 = one(&mut owner, oid).await;
    runner.up(None, &mut silent).await.unwrap();
    assert_eq!(one::<i64>(&mut owner, oid).await, before);
    assert_eq!(one::<i64>(&mut owner, "select max(version) from shop.schema_migrations").await, 2);
}

#[tokio::test]
async fn blocked_build_reports_the_blocking_session() {
    let db = TestDb::empty().await;
    let (file, sql) = index();
    let runner =
        shop_runner(&db, &[TABLE, (file, &sql)]).with_lock_timeout(Duration::from_millis(400));
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut gate = db.connect(db.owner().application_name("reports")).await;
    run(&mut gate, "begin; insert into shop.things values (1)").await;

    let error = runner.up(None, &mut silent).await.unwrap_err();

    assert!(matches!(error, MigrateError::TableBusy { .. }), "{error}");
    assert!(error.to_string().contains("reports"), "{error}");
    run(&mut gate, "rollback").await;
    runner.up(None, &mut silent).await.unwrap();
    assert!(one::<bool>(&mut gate, VALID).await);
}

#[tokio::test]
async fn long_build_reports_progress() {
    let db = TestDb::empty().await;
    let (file, sql) = index();
    let runner = shop_runner(&db, &[TABLE, (file, &sql)]);
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut gate = Some(db.connect(db.owner()).await);
    run(gate.as_mut().unwrap(), "begin; insert into shop.things values (1)").await;

    let mut phases = Vec::new();
    let mut watch = |event: Event<'_>| {
        if let Event::Building { phase, .. } = event {
            phases.push(phase.to_owned());
            drop(gate.take());
        }
    };
    runner.up(None, &mut watch).await.unwrap();

    assert!(phases.iter().any(|phase| phase.starts_with("waiting for writers")), "{phases:?}");
}
