//! The migration lock: one runner at a time for a schema.
//!
//! The lock is a [`Leadership`], see there for why it cannot be leaked.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep};

use super::blocker::{Blocker, read_blocker};
use super::error::MigrateError;
use super::progress::{Event, Progress};
use super::session;
use crate::leadership::{Attempt, Candidate, Leadership};

/// The pause between two attempts of a waiting runner.
const POLL: Duration = Duration::from_millis(100);

/// The lock, held until [`RunLock::release`] or until this value is dropped.
#[derive(Debug)]
pub(crate) struct RunLock(Leadership);

impl RunLock {
    /// Waits for the lock of `schema`, at most for `timeout`.
    pub(crate) async fn acquire(
        options: &PgConnectOptions,
        schema: &str,
        timeout: Duration,
        progress: Progress<'_>,
    ) -> Result<Self, MigrateError> {
        let connection = session::connect(options).await?;
        let mut candidate = Candidate::new(connection, &format!("migrate {schema}"));
        let started = Instant::now();
        let mut is_reported = false;
        loop {
            let attempt = candidate
                .attempt()
                .await
                .map_err(MigrateError::while_trying_to("take the migration lock"))?;
            candidate = match attempt {
                Attempt::Elected(leadership) => return Ok(Self(leadership)),
                Attempt::Busy(candidate) => candidate,
            };
            let waited = started.elapsed();
            if waited >= timeout {
                let holder = holder(&mut candidate).await?;
                return Err(MigrateError::LockBusy { waited, holder });
            }
            if !is_reported {
                is_reported = true;
                let holder = holder(&mut candidate).await?;
                progress(Event::WaitingForLock { holder: &holder });
            }
            sleep(POLL.min(timeout.saturating_sub(waited))).await;
        }
    }

    /// Checks that the lock is still held: it is lost with its connection.
    pub(crate) async fn check(&mut self) -> Result<(), MigrateError> {
        self.0.check().await.map_err(MigrateError::while_trying_to("keep the migration lock"))
    }

    /// Releases the lock. Dropping it has the same effect once the server notices.
    pub(crate) async fn release(self) -> Result<(), MigrateError> {
        self.0.release().await.map_err(MigrateError::while_trying_to("release the migration lock"))
    }
}

/// The session that holds the lock.
async fn holder(candidate: &mut Candidate) -> Result<Blocker, MigrateError> {
    let (connection, key) = candidate.parts();
    session_with_lock(connection, key)
        .await
        .map_err(MigrateError::while_trying_to("identify the holder of the migration lock"))
}

/// The session that holds the advisory lock; without a pid if it was released meanwhile.
async fn session_with_lock(db: &mut PgConnection, key: i64) -> Result<Blocker, sqlx::Error> {
    // A lock on one 64-bit key shows as its two halves, with objsubid 1.
    let row = sqlx::query(
        "select a.pid, a.application_name, coalesce(a.usename::text, '') as role,
                coalesce(a.state, '') as state,
                coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as open_for
           from pg_catalog.pg_locks l
           join pg_catalog.pg_stat_activity a on a.pid = l.pid
          where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
            and (l.classid::int8 << 32) | l.objid::int8 = $1",
    )
    .bind(key)
    .fetch_optional(db)
    .await?;
    row.map_or_else(|| Ok(Blocker::default()), |row| read_blocker(&row))
}
