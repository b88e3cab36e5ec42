//! The operations, each by one process at a time.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use super::adopt;
use super::error::PartitionError;
use super::progress::Progress;
use super::suitability::{Scope, become_owner};
use crate::leadership::{Attempt, Candidate, Leadership};
use crate::owner_session;

/// How long a step waits for its table locks by default, with pauses between short attempts.
const LOCK_TIMEOUT: Duration = Duration::from_secs(600);

const APPLICATION: &str = "auditrail partition";

/// Changes the partitions of one database. It uses two dedicated connections for each operation; its role must
/// own the schema, or be a member of the owner.
#[derive(Clone, Debug)]
pub struct Maintenance {
    options: PgConnectOptions,
    lock_timeout: Duration,
}

/// An operation in progress, which holds the lock of maintenance.
struct Run {
    db: PgConnection,
    leadership: Leadership,
}

impl Maintenance {
    /// Maintenance of the database of `options`.
    #[must_use]
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options, lock_timeout: LOCK_TIMEOUT }
    }

    /// Sets how long each step waits for its table locks.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Partitions a plain table of any size while records are written, or completes an interrupted adoption.
    /// Returns whether there was anything to do.
    ///
    /// # Errors
    /// See [`PartitionError`]. Run it again after the cause is removed: it resumes.
    pub async fn adopt(&self, progress: Progress<'_>) -> Result<bool, PartitionError> {
        let mut run = self.begin().await?;
        let is_changed = adopt::adopt(&mut run.db, self.lock_timeout, progress).await?;
        run.end().await?;
        Ok(is_changed)
    }

    /// Connects as the owner, and becomes the one process that changes partitions.
    async fn begin(&self) -> Result<Run, PartitionError> {
        let unreachable = |cause| PartitionError::Unreachable { cause };
        let mut db =
            owner_session::connect(&self.options, APPLICATION).await.map_err(unreachable)?;
        become_owner(&mut db, Scope::Session).await?;
        let connection =
            owner_session::connect(&self.options, APPLICATION).await.map_err(unreachable)?;
        let candidate = Candidate::new(connection, "partitions");
        match candidate.attempt().await.map_err(unreachable)? {
            Attempt::Elected(leadership) => Ok(Run { db, leadership }),
            Attempt::Busy(_) => Err(PartitionError::AnotherProcess),
        }
    }
}

impl Run {
    /// Releases the lock. A run that fails drops it instead, which closes both connections.
    async fn end(self) -> Result<(), PartitionError> {
        self.leadership.release().await.map_err(|cause| PartitionError::Unreachable { cause })
    }
}
