//! Inconsistent histories are detected before a step runs.

use auditrail_store::migrate::{MigrateError, Problem, Runner, State, silent};
use auditrail_testkit::TestDb;

use super::support::{PLAIN, TABLE, one, run, shop_runner};

/// The problems of `up`, which must be those of `status`, as text.
async fn problems_of(runner: &Runner) -> Vec<String> {
    let MigrateError::Invalid { problems } = runner.up(None, &mut silent).await.unwrap_err() else {
        panic!("the run should have been refused for its history");
    };
    assert_eq!(runner.status().await.unwrap().problems, problems);
    problems.iter().map(Problem::to_string).collect()
}

#[tokio::test]
async fn edited_file_is_reported_and_nothing_runs() {
    let db = TestDb::empty().await;
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
    let edited = (TABLE.0, "create table shop.things (n bigint);");
    let runner = shop_runner(&db, &[edited, ("002_more.sql", "create table shop.more ();")]);
    let problems = problems_of(&runner).await;
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("001_things.sql was edited after it was applied"),
        "{problems:?}"
    );
    assert_eq!(runner.status().await.unwrap().migrations[0].checksum_ok, Some(false));
    let mut observer = db.connect(db.owner()).await;
    assert!(one::<bool>(&mut observer, "select to_regclass('shop.more') is null").await);
}

#[tokio::test]
async fn windows_line_ends_are_not_an_edit() {
    let db = TestDb::empty().await;
    shop_runner(&db, &[TABLE]).up(None, &mut silent).await.unwrap();
    let windows = format!("{PLAIN}{}", TABLE.1).replace('\n', "\r\n");
    let applied = shop_runner(&db, &[(TABLE.0, &windows)]).up(None, &mut silent).await.unwrap();
    assert!(applied.migrations.is_empty());
}

#[tokio::test]
async fn missing_file_is_reported() {
    let db = TestDb::empty().await;
    let (b, c) = (("002_b.sql", "select 1;"), ("003_c.sql", "select 1;"));
    shop_runner(&db, &[TABLE, b, c]).up(None, &mut silent).await.unwrap();
    let problems = problems_of(&shop_runner(&db, &[TABLE, c])).await;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("002_b.sql is missing"), "{problems:?}");
}

#[tokio::test]
async fn file_out_of_order_is_reported_and_not_run() {
    let db = TestDb::empty().await;
    let (b, c) = (("002_b.sql", "create table shop.b ();"), ("003_c.sql", "select 1;"));
    shop_runner(&db, &[TABLE, c]).up(None, &mut silent).await.unwrap();
    let problems = problems_of(&shop_runner(&db, &[TABLE, b, c])).await;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("002_b.sql is out of order"), "{problems:?}");
    let mut observer = db.connect(db.owner()).await;
    assert!(one::<bool>(&mut observer, "select to_regclass('shop.b') is null").await);
}

#[tokio::test]
async fn every_problem_is_reported() {
    let db = TestDb::empty().await;
    let (b, c) = (("002_b.sql", "select 1;"), ("004_d.sql", "select 1;"));
    shop_runner(&db, &[TABLE, b, c]).up(None, &mut silent).await.unwrap();
    let edited = (TABLE.0, "create table shop.things (n text);");
    let problems = problems_of(&shop_runner(&db, &[edited, ("003_new.sql", "select 1;"), c])).await;
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[tokio::test]
async fn older_program_accepts_newer_migrations_unless_breaking() {
    let db = TestDb::empty().await;
    let newer = ("002_newer.sql", "select 1;");
    shop_runner(&db, &[TABLE, newer]).up(None, &mut silent).await.unwrap();
    let older = shop_runner(&db, &[TABLE]);
    assert!(older.up(None, &mut silent).await.unwrap().migrations.is_empty());
    assert_eq!(older.status().await.unwrap().migrations[1].state, State::Unknown);

    let breaking = PLAIN.replace("Breaking: no", "Breaking: yes") + "select 1;";
    let program = shop_runner(&db, &[TABLE, newer, ("003_breaking.sql", &breaking)]);
    program.with_program("shop 9.9").up(None, &mut silent).await.unwrap();
    let problems = problems_of(&older).await;
    assert_eq!(
        problems,
        [
            "003_breaking was applied by shop 9.9 and is breaking for older programs: upgrade this one"
        ]
    );
}

#[tokio::test]
async fn status_has_time_duration_and_program() {
    let db = TestDb::empty().await;
    shop_runner(&db, &[TABLE]).with_program("shop 1.0").up(None, &mut silent).await.unwrap();
    let runner = shop_runner(&db, &[TABLE, ("002_b.sql", "select 1;")]);
    let status = runner.status().await.unwrap();
    assert_eq!(status.pending(), 1);
    let first = &status.migrations[0];
    assert_eq!((first.state, first.checksum_ok), (State::Applied, Some(true)));
    assert_eq!(first.applied_by.as_deref(), Some("shop 1.0"));
    assert!(first.applied_at.is_some() && first.took.is_some());
    assert_eq!(status.migrations[1].state, State::Pending);
}

#[tokio::test]
async fn every_migration_of_an_empty_database_is_pending() {
    let db = TestDb::empty().await;
    let status = Runner::new(db.app()).status().await.unwrap();
    assert_eq!(status.pending(), status.migrations.len());
}

#[tokio::test]
async fn tracking_table_of_another_tool_is_rejected() {
    let db = TestDb::empty().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "create schema control_plane; create table control_plane.schema_migrations (version text, dirty boolean)").await;
    let error = Runner::new(db.owner()).up(None, &mut silent).await.unwrap_err();
    assert!(
        error.to_string().contains("belongs to another tool (it lacks name, checksum"),
        "{error}"
    );
    assert!(
        one::<bool>(&mut owner, "select to_regclass('control_plane.audit_logs') is null").await
    );
}
