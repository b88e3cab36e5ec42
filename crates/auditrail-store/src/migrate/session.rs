//! Dedicated connections: the statement timeout or search path of a pool would affect migrations.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use super::error::MigrateError;
use crate::owner_session;
pub(super) use crate::owner_session::{set_for_session, set_for_transaction};

/// How long one attempt waits for a table lock. While a step waits for an exclusive lock, all later
/// statements on the table wait behind it, so attempts are short.
pub(super) const ATTEMPT: Duration = Duration::from_millis(500);

/// A new connection with an application name, whose settings do not depend on the URL, the database and the
/// role.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, MigrateError> {
    owner_session::connect(options, "auditrail migrate")
        .await
        .map_err(|cause| MigrateError::Unreachable { cause })
}
