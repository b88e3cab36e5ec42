//! The operations, each by one process at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Executor as _, PgConnection};

use super::due::{self, Due};
use super::error::PartitionError;
use super::limits::Limits;
use super::progress::Progress;
use super::run::{self, Conduct, Done};
use super::suitability::{Scope, become_owner};
use super::{adopt, close};
use crate::leadership::{Attempt, Candidate, Leadership};
use crate::owner_session;

/// How long a step waits for its table locks by default, with pauses between short attempts.
const LOCK_TIMEOUT: Duration = Duration::from_secs(600);

/// A look needs milliseconds, and at times waits for table locks, which are held for some more.
const LOOK_TIMEOUTS: &str = "set lock_timeout = '5s'; set statement_timeout = '10s'";
const APPLICATION: &str = "auditrail partition";

/// Changes the partitions of one database. It uses two dedicated connections for each operation, and another one for
/// [`due`](Self::due); its role must own the schema, or be a member of the owner.
#[derive(Clone, Debug)]
pub struct Maintenance {
    options: PgConnectOptions,
    lock_timeout: Duration,
    limits: Limits,
    share: f64,
    /// The idle connection of [`due`](Self::due).
    watch: Arc<Mutex<Option<PgConnection>>>,
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
        Self {
            options,
            lock_timeout: LOCK_TIMEOUT,
            limits: Limits::default(),
            share: 1.0,
            watch: Arc::default(),
        }
    }

    /// Sets how long each step waits for its table locks.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets the sizes at which partitions are closed and merged.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the share of the time that merges take up, from 0 to 1: after each step there is a pause in
    /// proportion to it. 1 by default, no pauses. Without effect while more than twice as many partitions are attached
    /// as the limit.
    #[must_use]
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = share;
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
        if is_changed {
            run::analyze(&mut run.db).await?;
        }
        run.end().await?;
        Ok(is_changed)
    }

    /// Closes the hot partition, however many records it has. Returns the name of the closed partition; `None`
    /// if there was nothing to close.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub async fn close(&self, progress: Progress<'_>) -> Result<Option<String>, PartitionError> {
        let mut run = self.begin().await?;
        adopt::finish(&mut run.db, self.lock_timeout, progress).await?;
        let closed = close::close(&mut run.db, self.lock_timeout, progress).await?;
        run.end().await?;
        Ok(closed.map(|closed| closed.name))
    }

    /// Does what is due: completes an adoption, closes the hot partition if it is full, and merges closed
    /// partitions until no merge is due.
    ///
    /// # Errors
    /// See [`PartitionError`]; [`PartitionError::NotPartitioned`] for a plain table. Run it again after the
    /// cause is removed: it resumes.
    pub async fn run(&self, progress: Progress<'_>) -> Result<Done, PartitionError> {
        self.work(true, progress).await
    }

    /// As [`run`](Self::run), but does not close the hot partition.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub async fn merge(&self, progress: Progress<'_>) -> Result<Done, PartitionError> {
        self.work(false, progress).await
    }

    async fn work(&self, closes: bool, progress: Progress<'_>) -> Result<Done, PartitionError> {
        let mut run = self.begin().await?;
        adopt::finish(&mut run.db, self.lock_timeout, progress).await?;
        let Self { limits, lock_timeout, share, .. } = *self;
        let conduct = Conduct { limits, lock_timeout, share, closes };
        let done = run::run(&mut run.db, &mut run.leadership, &conduct, progress).await?;
        run.end().await?;
        Ok(done)
    }

    /// What is due. Does not take the lock of maintenance, so it can be called at any time, and often: it keeps its
    /// connection.
    ///
    /// # Errors
    /// [`PartitionError::NotOwner`] and [`PartitionError::Citus`] if [`run`](Self::run) is impossible.
    pub async fn due(&self) -> Result<Due, PartitionError> {
        let connected = self.watch().take();
        if let Some(mut db) = connected
            && let Ok(due) = due::due(&mut db, &self.limits).await
        {
            *self.watch() = Some(db);
            return Ok(due);
        }
        let mut db = self.connect().await?;
        let failed = PartitionError::while_trying_to("set the timeouts of a session");
        db.execute(LOOK_TIMEOUTS).await.map_err(failed)?;
        let due = due::due(&mut db, &self.limits).await?;
        *self.watch() = Some(db);
        Ok(due)
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn watch(&self) -> MutexGuard<'_, Option<PgConnection>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session of the owner.
    async fn connect(&self) -> Result<PgConnection, PartitionError> {
        let mut db = owner_session::connect(&self.options, APPLICATION)
            .await
            .map_err(|cause| PartitionError::Unreachable { cause })?;
        become_owner(&mut db, Scope::Session).await?;
        Ok(db)
    }

    /// Connects as the owner, and becomes the one process that changes partitions.
    async fn begin(&self) -> Result<Run, PartitionError> {
        let unreachable = |cause| PartitionError::Unreachable { cause };
        let db = self.connect().await?;
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
