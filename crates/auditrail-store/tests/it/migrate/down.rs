//! Reverting migrations.

use auditrail_store::migrate::{Event, MigrateError, Runner, silent};
use auditrail_store::schema::{compare, describe};
use auditrail_testkit::{TestDb, until};

use super::support::{TABLE, one, run, shop_runner};

#[tokio::test]
async fn every_migration_can_be_reverted_and_reapplied() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    let mut versions: Vec<i64> = runner.set().migrations().iter().map(|m| m.version()).collect();
    versions.insert(0, 0);
    // At the newest version the table is partitioned; see `partitioned_steps`.
    let latest = versions.pop().unwrap();
    let newest_plain = versions.pop();
    for version in versions.into_iter().rev() {
        runner.up(newest_plain, &mut silent).await.unwrap();
        runner.down(version, true, &mut silent).await.unwrap();
        let mut owner = db.connect(db.owner()).await;
        let live = describe(&mut owner, "control_plane").await.unwrap();
        let expected = runner.set().expected(version).unwrap_or_default();
        assert_eq!(compare(&expected, &live), [], "after going back to {version}");
        assert!(!live.tables.contains_key("control_plane.audit_logs") || version > 0);
    }
    runner.up(None, &mut silent).await.unwrap();
    assert_eq!(runner.verify().await.unwrap(), (latest, vec![]));
}

#[tokio::test]
async fn data_loss_is_rejected_before_any_step() {
    let db = TestDb::migrated().await;
    let runner = Runner::new(db.owner());
    let error = runner.down(1, false, &mut silent).await.unwrap_err();
    let MigrateError::DataLoss { files } = &error else { panic!("{error}") };
    let expected = [
        "028_create_holds_and_erasures.sql",
        "027_add_scopes.sql",
        "026_create_tree.sql",
        "024_create_retention.sql",
        "020_create_sequencer.sql",
        "015_add_outcome_and_names.sql",
        "007_create_api_keys.sql",
        "006_add_transaction_id.sql",
        "002_add_tenant_and_request_id.sql",
    ];
    assert_eq!(files, &expected);
    assert_eq!(runner.status().await.unwrap().pending(), 0);
}

#[tokio::test]
async fn reverting_without_data_loss_needs_no_permission() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    runner.up(Some(5), &mut silent).await.unwrap();
    let reverted = runner.down(2, false, &mut silent).await.unwrap();
    let versions: Vec<i64> = reverted.iter().map(|(migration, _)| migration.version()).collect();
    assert_eq!(versions, [5, 4, 3]);
    let mut owner = db.connect(db.owner()).await;
    let newest = "select max(version) from control_plane.schema_migrations";
    assert_eq!(one::<i64>(&mut owner, newest).await, 2);
}

#[tokio::test]
async fn irreversible_migration_is_rejected_before_any_step() {
    let db = TestDb::empty().await;
    let runner = shop_runner(&db, &[TABLE]);
    runner.up(None, &mut silent).await.unwrap();
    let error = runner.down(0, true, &mut silent).await.unwrap_err();
    assert!(matches!(error, MigrateError::NoWayBack { .. }), "{error}");
}

#[tokio::test]
async fn migrations_of_a_concurrent_run_are_reverted_first() {
    const BACK: &str = "-- What: a.\n-- Loses data: no\n-- Transaction: yes\nselect 1;";
    let db = TestDb::empty().await;
    let files = [
        TABLE,
        ("002_b.sql", "select 2;"),
        ("002_b.down.sql", BACK),
        ("003_c.sql", "lock table shop.things;"),
        ("003_c.down.sql", BACK),
    ];
    let runner = shop_runner(&db, &files);
    runner.up(Some(2), &mut silent).await.unwrap();
    let mut gate = Some(db.connect(db.owner()).await);
    run(gate.as_mut().unwrap(), "begin; select * from shop.things for share").await;
    let other = runner.clone();
    let applying = tokio::spawn(async move { other.up(None, &mut silent).await.map(|_| ()) });
    let mut observer = db.connect(db.admin()).await;
    let holds = "select exists (select from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database()))";
    until(&mut observer, holds).await;

    let mut release = |event: Event<'_>| {
        if let Event::WaitingForLock { .. } = event {
            // Dropping the connection ends its transaction, and the other run goes on.
            drop(gate.take());
        }
    };
    let reverted = runner.down(1, false, &mut release).await.unwrap();

    applying.await.unwrap().unwrap();
    let versions: Vec<i64> = reverted.iter().map(|(migration, _)| migration.version()).collect();
    assert_eq!(versions, [3, 2]);
}
