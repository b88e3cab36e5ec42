//! Repeated checks of the migration status.

use sqlx::{Connection, PgConnection, PgPool};

use super::error::MigrateError;
use super::runner::Runner;
use super::status::Status;

/// The name under which the session shows in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail readiness";

/// Checks the migration status repeatedly over a dedicated connection.
///
/// A busy pool has no connection for the check, and a busy service must not be reported as broken.
#[derive(Debug)]
pub struct StatusProbe {
    runner: Runner,
    connection: Option<PgConnection>,
}

impl StatusProbe {
    /// A probe for the database of `pool`. Connects on first use.
    #[must_use]
    pub fn new(pool: &PgPool) -> Self {
        Self { runner: Runner::from_pool(pool), connection: None }
    }

    /// Every migration and its state. Read-only.
    ///
    /// Replaces a connection that was lost since the last call. Dropping the future closes the connection.
    ///
    /// # Errors
    /// As [`Runner::status`].
    pub async fn ask(&mut self) -> Result<Status, MigrateError> {
        if let Some(connection) = self.connection.take() {
            match self.ask_over(connection).await {
                Err(MigrateError::Unreachable { .. }) => {}
                status => return status,
            }
        }
        let options = self.runner.options.clone().application_name(APPLICATION_NAME);
        let connection = PgConnection::connect_with(&options)
            .await
            .map_err(|cause| MigrateError::Unreachable { cause })?;
        self.ask_over(connection).await
    }

    /// Reads the status, and keeps the connection unless it is lost.
    async fn ask_over(&mut self, mut db: PgConnection) -> Result<Status, MigrateError> {
        let status = self.runner.status_over(&mut db).await;
        if !matches!(status, Err(MigrateError::Unreachable { .. })) {
            self.connection = Some(db);
        }
        status
    }
}
