//! Dedicated connections: the statement timeout or search path of a pool would affect migrations.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::error::MigrateError;
use crate::schema::set_all;

/// How long one attempt waits for a table lock. While a step waits for an exclusive lock, all later
/// statements on the table wait behind it, so attempts are short.
pub(super) const ATTEMPT: Duration = Duration::from_millis(500);

/// Settings of a database, a role or the URL that would keep migrations from running, end their sessions or
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

/// A new connection with an application name, whose settings do not depend on the URL, the database and the
/// role.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, MigrateError> {
    let unreachable = |cause| MigrateError::Unreachable { cause };
    let options = options.clone().application_name("auditrail migrate");
    let mut db = PgConnection::connect_with(&options).await.map_err(unreachable)?;
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut db).await.map_err(unreachable)?;
    set_all(&mut db, &SETTINGS)
        .await
        .map_err(MigrateError::while_trying_to("set the settings of the session"))?;
    Ok(db)
}

/// Settings of the current transaction: a lock timeout, no statement timeout, and an empty search path, so
/// that names must be qualified.
pub(super) async fn set_for_transaction(
    db: &mut PgConnection,
    lock_timeout: Duration,
) -> Result<(), sqlx::Error> {
    set(db, lock_timeout, true).await
}

/// The same settings for the session, for a step that cannot run in a transaction.
pub(super) async fn set_for_session(
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
