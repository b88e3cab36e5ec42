//! Asking again and again where a database stands.

use sqlx::{Connection, PgConnection, PgPool};

use super::error::MigrateError;
use super::runner::Runner;
use super::status::Status;

/// The name under which the session shows in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail readiness";

/// Tells again and again where a database stands, over one connection that it keeps.
///
/// The connection is its own: one of a pool would be missing just when all of them are busy, and a
/// service that is busy is not one that is broken.
#[derive(Debug)]
pub struct StatusProbe {
    runner: Runner,
    connection: Option<PgConnection>,
}

impl StatusProbe {
    /// For the database `pool` is connected to. Nothing is asked of it yet.
    #[must_use]
    pub fn new(pool: &PgPool) -> Self {
        Self { runner: Runner::from_pool(pool), connection: None }
    }

    /// Every migration, and where it stands. Reads only.
    ///
    /// A connection that was lost since the last time is replaced; dropping the future gives up the
    /// connection.
    ///
    /// # Errors
    /// As [`Runner::status`].
    pub async fn ask(&mut self) -> Result<Status, MigrateError> {
        if let Some(kept) = self.connection.take() {
            match self.ask_over(kept).await {
                Err(MigrateError::Unreachable { .. }) => {}
                answer => return answer,
            }
        }
        let options = self.runner.options.clone().application_name(APPLICATION_NAME);
        let connected = PgConnection::connect_with(&options).await;
        let fresh = connected.map_err(|cause| MigrateError::Unreachable { cause })?;
        self.ask_over(fresh).await
    }

    /// Asks, and keeps the connection unless it is lost.
    async fn ask_over(&mut self, mut db: PgConnection) -> Result<Status, MigrateError> {
        let answer = self.runner.status_over(&mut db).await;
        if !matches!(answer, Err(MigrateError::Unreachable { .. })) {
            self.connection = Some(db);
        }
        answer
    }
}
