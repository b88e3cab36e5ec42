//! Other migration tools in the same database, and the migrations as a script.

use std::borrow::Cow;

use auditrail_store::migrate::{MigrationSet, Runner, State, migrate};
use auditrail_testkit::TestDb;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection};

use super::support::{one, run};

#[tokio::test]
async fn sqlx_migrations_of_the_application_coexist() {
    let db = TestDb::empty().await;
    let pool = db.pool(db.owner()).await;
    let theirs = Migration::new(
        1,
        Cow::Borrowed("theirs"),
        MigrationType::Simple,
        sqlx::SqlStr::from_static("create table public.projects (id int)"),
        false,
    );
    let theirs = Migrator::with_migrations(vec![theirs]);
    for _ in 0..2 {
        theirs.run(&pool).await.unwrap();
        migrate(&pool).await.unwrap();
    }
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(one::<i64>(&mut owner, "select count(*) from public._sqlx_migrations").await, 1);
    assert_eq!(
        one::<i64>(&mut owner, "select count(*) from control_plane.schema_migrations").await,
        i64::try_from(MigrationSet::embedded().migrations().len()).unwrap()
    );
}

#[tokio::test]
async fn statement_timeout_of_the_pool_does_not_apply() {
    let db = TestDb::empty().await;
    let options = db.owner().options([("statement_timeout", "10ms")]);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("select pg_sleep(10)").execute(&mut connection).await.unwrap_err();
    let pool = sqlx::postgres::PgPoolOptions::new().connect_lazy_with(options);
    assert_eq!(
        migrate(&pool).await.unwrap().migrations.len(),
        MigrationSet::embedded().migrations().len()
    );
}

#[tokio::test]
async fn printed_script_creates_the_same_schema_and_history() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    let script = runner.script(None, None).unwrap();
    let mut owner = db.connect(db.owner()).await;
    for statement in blocks(&script) {
        run(&mut owner, &statement).await;
    }
    let status = runner.status().await.unwrap();
    assert!(status.problems.is_empty());
    assert!(
        status.migrations.iter().all(|m| m.state == State::Applied && m.checksum_ok == Some(true))
    );
    assert_eq!(runner.verify().await.unwrap(), (runner.set().latest(), vec![]));
}

/// The script as another tool would send it: transactions as a whole, everything else statement by
/// statement.
fn blocks(script: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    let mut inside = false;
    for line in script.lines() {
        inside |= line == "begin;";
        inside &= line != "commit;";
        let block = blocks.last_mut().unwrap();
        block.push_str(line);
        block.push('\n');
        if !inside && line.ends_with(';') {
            blocks.push(String::new());
        }
    }
    blocks
}

#[tokio::test]
async fn script_covers_the_requested_range() {
    let db = TestDb::empty().await;
    let script = Runner::new(db.owner()).script(Some(3), Some(4)).unwrap();
    assert!(!script.contains("001_create") && !script.contains("create table if not exists"));
    assert!(script.contains("003_index_tenant.sql") && script.contains("004_index_request.sql"));
    assert!(!script.contains("005_guard"));
}
