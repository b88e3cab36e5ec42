//! Connections and statements that must succeed.

use std::hash::{BuildHasher, Hasher, RandomState};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub(crate) async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options)
        .await
        .unwrap_or_else(|e| panic!("cannot connect to the test server: {e}"))
}

/// Runs statements.
pub(crate) async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(db)
        .await
        .unwrap_or_else(|e| panic!("`{sql}` failed on the test server: {e}"));
}

/// A random number, different in each process.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
