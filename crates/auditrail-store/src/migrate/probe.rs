//! Repeated checks of the migration status.

use sqlx::{Connection, PgConnection, PgPool};

use super::error::MigrateError;
use super::runner::Runner;
use super::status::Status;
use crate::connect::end_with_client;
use crate::grants::missing_for_service;

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
        let connection = self.connect().await?;
        self.ask_over(connection).await
    }

    /// The privileges of a service that the role lacks, as in GRANT. The schema must be complete.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// When the database cannot be reached, or rejects the statement.
    pub async fn missing_privileges(&mut self) -> Result<Vec<String>, MigrateError> {
        let mut db = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let missing = missing_for_service(&mut db)
            .await
            .map_err(MigrateError::while_trying_to("check the privileges of the role"))?;
        self.connection = Some(db);
        Ok(missing)
    }

    async fn connect(&self) -> Result<PgConnection, MigrateError> {
        let options = self.runner.options.clone().application_name(APPLICATION_NAME);
        let unreachable = |cause| MigrateError::Unreachable { cause };
        let mut connection = PgConnection::connect_with(&options).await.map_err(unreachable)?;
        end_with_client(&mut connection).await.map_err(unreachable)?;
        Ok(connection)
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
