//! Shared helpers: small migration sets and queries of the catalog.

use std::fs;
use std::time::Duration;

use auditrail_store::migrate::{MigrationSet, Runner};
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

/// A migration of `shop`, without its opening comment.
pub(crate) type File<'a> = (&'a str, &'a str);

/// A transactional migration's opening comment.
pub(crate) const PLAIN: &str = "-- What: a.\n-- Why: b.\n-- Breaking: no\n-- Transaction: yes\n";
/// The opening comment of a concurrent step.
pub(crate) const CONCURRENT: &str =
    "-- What: a.\n-- Why: b.\n-- Breaking: no\n-- Transaction: no\n";

/// Migrations of a schema named `shop`; a text without an opening comment gets [`PLAIN`].
pub(crate) fn shop(files: &[File<'_>]) -> MigrationSet {
    let dir = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        let head = if sql.starts_with("--") { "" } else { PLAIN };
        fs::write(dir.path().join(name), format!("{head}{sql}")).unwrap();
    }
    MigrationSet::from_dir("shop", dir.path()).unwrap()
}

/// A runner for migrations of `shop` with a short lock timeout.
pub(crate) fn shop_runner(db: &TestDb, files: &[File<'_>]) -> Runner {
    Runner::new(db.owner()).with_set(shop(files)).with_lock_timeout(Duration::from_secs(20))
}

/// A table of `shop`, and an index on it built concurrently.
pub(crate) const TABLE: File<'static> = ("001_things.sql", "create table shop.things (n int);");

/// See [`TABLE`].
pub(crate) fn index() -> (&'static str, String) {
    let sql = "create unique index concurrently things_n on shop.things (n);";
    ("002_index.sql", format!("{CONCURRENT}{sql}"))
}

/// Runs statements that must succeed.
pub(crate) async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

/// The only value of the only row.
pub(crate) async fn one<T>(db: &mut PgConnection, sql: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(db).await.unwrap()
}

/// The number of advisory locks in this database.
pub(crate) async fn advisory_locks(db: &mut PgConnection) -> i64 {
    one(
        db,
        "select count(*) from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database())",
    )
    .await
}

/// Whether a concurrent build in this database waits for an open transaction; by then the index
/// is in the catalog, invalid.
pub(crate) const BUILD_WAITS: &str = "select exists (select from pg_stat_progress_create_index
    where datname = current_database() and phase like 'waiting for writers%')";
