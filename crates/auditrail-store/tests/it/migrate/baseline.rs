//! `baseline` of a schema that was created by other means.

use auditrail_store::migrate::{MigrateError, Migration, MigrationSet, Origin, Runner, silent};
use auditrail_testkit::TestDb;

use super::support::{one, run};

/// A database with the schema at `version` and without a history.
async fn untracked(version: i64) -> TestDb {
    let db = TestDb::empty().await;
    Runner::new(db.owner()).up(Some(version), &mut silent).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "drop table control_plane.schema_migrations").await;
    db
}

#[tokio::test]
async fn newest_matching_version_is_adopted() {
    let latest = MigrationSet::embedded().latest();
    for version in [1, 4, latest] {
        let db = untracked(version).await;
        let runner = Runner::new(db.owner());
        assert_eq!(runner.baseline(&mut silent).await.unwrap(), version);
        let status = runner.status().await.unwrap();
        assert_eq!(status.migrations[0].origin, Some(Origin::Baseline));
        let later = |m: &&Migration| m.version() > version;
        let rest = MigrationSet::embedded().migrations().iter().filter(later).count();
        assert_eq!(runner.up(None, &mut silent).await.unwrap().migrations.len(), rest);
        assert_eq!(runner.verify().await.unwrap(), (latest, vec![]));
    }
}

#[tokio::test]
async fn unknown_schema_is_rejected_with_its_differences() {
    let db = untracked(1).await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "alter table control_plane.audit_logs add column colour text").await;
    let error = Runner::new(db.owner()).baseline(&mut silent).await.unwrap_err();
    let MigrateError::NoBaseline { closest, differences } = &error else { panic!("{error}") };
    assert_eq!((*closest, differences.len()), (1, 1));
    assert!(
        error.to_string().contains("column control_plane.audit_logs.colour should not be there"),
        "{error}"
    );
    let untouched = "select to_regclass('control_plane.schema_migrations') is null";
    assert!(one::<bool>(&mut owner, untouched).await);
}

#[tokio::test]
async fn database_with_a_history_is_not_adopted() {
    let db = TestDb::migrated().await;
    let error = Runner::new(db.owner()).baseline(&mut silent).await.unwrap_err();
    let latest = MigrationSet::embedded().latest();
    assert!(
        matches!(error, MigrateError::AlreadyTracked { version } if version == latest),
        "{error}"
    );
}

#[tokio::test]
async fn empty_database_is_not_adopted() {
    let db = TestDb::empty().await;
    let error = Runner::new(db.owner()).baseline(&mut silent).await.unwrap_err();
    assert!(matches!(error, MigrateError::NoBaseline { .. }), "{error}");
}
