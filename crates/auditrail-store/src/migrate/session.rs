//! Dedicated connections: the statement timeout or search path of a pool would affect migrations.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::error::MigrateError;

/// How long one attempt waits for a table lock. While a step waits for an exclusive lock, all later
/// statements on the table wait behind it, so attempts are short.
pub(super) const ATTEMPT: Duration = Duration::from_millis(500);

/// A new connection with an application name and without a statement timeout, regardless of the URL and
/// the role.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, MigrateError> {
    let unreachable = |cause| MigrateError::Unreachable { cause };
    let options = options.clone().application_name("auditrail migrate");
    let mut db = PgConnection::connect_with(&options).await.map_err(unreachable)?;
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut db).await.map_err(unreachable)?;
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
