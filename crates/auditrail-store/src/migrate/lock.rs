//! One runner at a time, and never a lock left behind.
//!
//! The lock is a transaction-level advisory lock, held by an open transaction on a connection of
//! its own for as long as the run lasts. The server lets go of it when that transaction ends in
//! whatever way, so no error, cancelled future or `kill -9` can leak it, and it works through a
//! pooler that hands out a server connection a transaction. The holding transaction runs nothing
//! else: without a snapshot, it does not hold up `CREATE INDEX CONCURRENTLY`, which waits for old
//! snapshots. Waiting runners poll in short transactions for the same reason; a session blocked in
//! `pg_advisory_lock` has a snapshot, and the two would wait for each other.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::blocker::{Blocker, read_blocker};
use super::error::MigrateError;
use super::progress::{Event, Progress};
use super::session;

/// How often a waiting runner tries again.
const POLL: Duration = Duration::from_millis(100);

/// The lock, held until [`RunLock::release`] or until this value is dropped.
#[derive(Debug)]
pub(crate) struct RunLock {
    connection: PgConnection,
}

impl RunLock {
    /// Waits for the lock of `schema`, `timeout` at the most.
    pub(crate) async fn take(
        options: &PgConnectOptions,
        schema: &str,
        timeout: Duration,
        progress: Progress<'_>,
    ) -> Result<Self, MigrateError> {
        let mut connection = session::connect(options).await?;
        let key = key(schema);
        let started = Instant::now();
        let mut told = false;
        loop {
            let taken = try_take(&mut connection, key)
                .await
                .map_err(MigrateError::while_trying_to("take the migration lock"))?;
            if taken {
                return Ok(Self { connection });
            }
            let waited = started.elapsed();
            if waited >= timeout {
                let holder = holder(&mut connection, key)
                    .await
                    .map_err(MigrateError::while_trying_to("ask who holds the migration lock"))?;
                return Err(MigrateError::LockBusy { waited, holder });
            }
            if !told {
                told = true;
                let holder = holder(&mut connection, key)
                    .await
                    .map_err(MigrateError::while_trying_to("ask who holds the migration lock"))?;
                progress(Event::WaitingForLock { holder: &holder });
            }
            sleep(POLL.min(timeout.saturating_sub(waited))).await;
        }
    }

    /// Makes sure that the lock is still held: a session that was ended takes the lock with it.
    pub(crate) async fn check(&mut self) -> Result<(), MigrateError> {
        self.connection
            .ping()
            .await
            .map_err(MigrateError::while_trying_to("keep the migration lock"))
    }

    /// Lets go. Dropping does too, but leaves it to the server to notice.
    pub(crate) async fn release(mut self) -> Result<(), MigrateError> {
        let rollback = sqlx::raw_sql("rollback").execute(&mut self.connection).await;
        rollback.map_err(MigrateError::while_trying_to("release the migration lock"))?;
        // The lock is gone with the transaction; a connection that will not close politely is not
        // worth an error.
        drop(self.connection.close().await);
        Ok(())
    }
}

/// Opens a transaction and tries for the lock in it; without the lock the transaction is closed.
async fn try_take(db: &mut PgConnection, key: i64) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql("begin; set local idle_in_transaction_session_timeout = 0")
        .execute(&mut *db)
        .await?;
    let taken: bool = sqlx::query_scalar("select pg_catalog.pg_try_advisory_xact_lock($1)")
        .bind(key)
        .fetch_one(&mut *db)
        .await?;
    if !taken {
        sqlx::raw_sql("rollback").execute(db).await?;
    }
    Ok(taken)
}

/// Who holds the lock; without a pid when nobody does any more.
async fn holder(db: &mut PgConnection, key: i64) -> Result<Blocker, sqlx::Error> {
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

/// The advisory key of a schema: the first bytes of a hash, so that no other user of advisory locks
/// (sqlx's own migrator among them) is likely to have the same.
fn key(schema: &str) -> i64 {
    use sha2::{Digest, Sha256};
    let hash: [u8; 32] = Sha256::digest(format!("auditrail migrate {schema}")).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
