//! Taking migrations back.

use auditrail_store::migrate::{MigrateError, Runner, silent};
use auditrail_store::schema::{compare, describe};
use auditrail_testkit::TestDb;

use super::support::{TABLE, one, shop_runner};

#[tokio::test]
async fn every_migration_can_be_undone_and_applied_again_and_the_schema_is_the_same() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    let latest = runner.set().latest();
    for version in (0..latest).rev() {
        runner.up(None, &mut silent).await.unwrap();
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
async fn a_step_back_that_loses_data_is_refused_before_anything_is_undone() {
    let db = TestDb::migrated().await;
    let runner = Runner::new(db.owner());
    let error = runner.down(1, false, &mut silent).await.unwrap_err();
    let MigrateError::DataLoss { files } = &error else { panic!("{error}") };
    let expected = [
        "007_create_api_keys.sql",
        "006_add_transaction_id.sql",
        "002_add_tenant_and_request_id.sql",
    ];
    assert_eq!(files, &expected);
    assert_eq!(runner.status().await.unwrap().pending(), 0);
}

#[tokio::test]
async fn steps_back_that_lose_nothing_need_no_permission() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    runner.up(Some(5), &mut silent).await.unwrap();
    let undone = runner.down(2, false, &mut silent).await.unwrap();
    let versions: Vec<i64> = undone.iter().map(|(migration, _)| migration.version()).collect();
    assert_eq!(versions, [5, 4, 3]);
    let mut owner = db.connect(db.owner()).await;
    let newest = "select max(version) from control_plane.schema_migrations";
    assert_eq!(one::<i64>(&mut owner, newest).await, 2);
}

#[tokio::test]
async fn a_migration_without_a_way_back_stops_the_undoing_before_it_starts() {
    let db = TestDb::empty().await;
    let runner = shop_runner(&db, &[TABLE]);
    runner.up(None, &mut silent).await.unwrap();
    let error = runner.down(0, true, &mut silent).await.unwrap_err();
    assert!(matches!(error, MigrateError::NoWayBack { .. }), "{error}");
}
