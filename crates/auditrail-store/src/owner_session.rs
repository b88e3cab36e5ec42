//! Dedicated connections for changes of the schema. The settings of a pool, a URL, a database or a role
//! would affect them.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::schema::set_all;

/// Settings of a database, a role or the URL that would keep statements from running, end their sessions or
/// change their effect.
const SETTINGS: [(&str, &str); 15] = [
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("exit_on_error", "off"),
    ("row_security", "on"),
    ("search_path", ""),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("check_function_bodies", "on"),
];

/// A new connection with this application name, whose settings do not depend on the URL, the database and
/// the role.
pub(crate) async fn connect(
    options: &PgConnectOptions,
    application: &str,
) -> Result<PgConnection, sqlx::Error> {
    let options = options.clone().application_name(application);
    let mut db = PgConnection::connect_with(&options).await?;
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut db).await?;
    set_all(&mut db, &SETTINGS).await?;
    Ok(db)
}

/// Settings of the current transaction: a lock timeout, no statement timeout, and an empty search path, so
/// that names must be qualified.
pub(crate) async fn set_for_transaction(
    db: &mut PgConnection,
    lock_timeout: Duration,
) -> Result<(), sqlx::Error> {
    set(db, lock_timeout, true).await
}

/// The same settings for the session, for a statement that cannot run in a transaction.
pub(crate) async fn set_for_session(
    db: &mut PgConnection,
    lock_timeout: Duration,
) -> Result<(), sqlx::Error> {
    set(db, lock_timeout, false).await
}

async fn set(
    db: &mut PgConnection,
    lock_timeout: Duration,
    local: bool,
) -> Result<(), sqlx::Error> {
    // 0 means no timeout.
    let lock_timeout = lock_timeout.as_millis().max(1);
    sqlx::query(
        "select pg_catalog.set_config('lock_timeout', $1, $2),
                pg_catalog.set_config('statement_timeout', '0', $2),
                pg_catalog.set_config('idle_in_transaction_session_timeout', '0', $2),
                pg_catalog.set_config('search_path', '', $2)",
    )
    .bind(format!("{lock_timeout}ms"))
    .bind(local)
    .execute(db)
    .await?;
    Ok(())
}
