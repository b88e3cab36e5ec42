//! The runner, and the start and the end of a run.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};

use super::error::MigrateError;
use super::lock::RunLock;
use super::progress::Progress;
use super::session;
use super::set::MigrationSet;
use super::tracking::{Tracked, Tracking};
use super::validate::problems;
use crate::schema;

/// How long a run waits for another runner, and a step for its tables, by default.
pub const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs migrations against one database.
///
/// It uses dedicated connections, so the timeouts and the search path of a pool do not apply. Its role must
/// own the schema, or have the privilege to create it.
#[derive(Clone, Debug)]
pub struct Runner {
    pub(super) options: PgConnectOptions,
    pub(super) set: MigrationSet,
    pub(super) lock_timeout: Duration,
    pub(super) program: String,
}

impl Runner {
    /// A runner for the schema of the audit log.
    #[must_use]
    pub fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            set: MigrationSet::embedded(),
            lock_timeout: DEFAULT_LOCK_TIMEOUT,
            program: concat!("auditrail ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// A runner for the database of `pool`.
    #[must_use]
    pub fn from_pool(pool: &PgPool) -> Self {
        Self::new(pool.connect_options().as_ref().clone())
    }

    /// Sets the migrations, in place of the built-in ones.
    #[must_use]
    pub fn with_set(mut self, set: MigrationSet) -> Self {
        self.set = set;
        self
    }

    /// Sets how long to wait for another runner, and each step for its tables.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets the name of the program in the tracking table, such as `billing 4.2`.
    #[must_use]
    pub fn with_program(mut self, program: &str) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// The migrations.
    #[must_use]
    pub fn set(&self) -> &MigrationSet {
        &self.set
    }

    pub(super) fn tracking(&self) -> Tracking {
        Tracking::new(self.set.schema())
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, MigrateError> {
        session::connect(&self.options).await
    }

    /// The newest number, or `to` if it is a migration.
    pub(super) fn target(&self, to: Option<i64>) -> Result<i64, MigrateError> {
        let latest = self.set.latest();
        match to {
            None => Ok(latest),
            Some(version) if version == 0 || self.set.get(version).is_some() => Ok(version),
            Some(version) => Err(MigrateError::NoSuchVersion { version, latest }),
        }
    }

    /// Checks the encoding, takes the lock, and creates the tracking table if it is missing.
    pub(super) async fn begin(&self, progress: Progress<'_>) -> Result<Run<'_>, MigrateError> {
        let tracking = self.tracking();
        let timeout = self.lock_timeout;
        check_encoding(&mut self.connect().await?).await?;
        let lock = RunLock::acquire(&self.options, tracking.schema(), timeout, progress).await?;
        let mut connection = self.connect().await?;
        ensure_tracking(&mut connection, &tracking).await?;
        Ok(Run {
            options: &self.options,
            connection,
            lock,
            tracking,
            lock_timeout: timeout,
            program: &self.program,
        })
    }
}

/// A run that holds the lock.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) options: &'a PgConnectOptions,
    pub(super) connection: PgConnection,
    pub(super) lock: RunLock,
    pub(super) tracking: Tracking,
    pub(super) lock_timeout: Duration,
    pub(super) program: &'a str,
}

impl Run<'_> {
    /// Releases the lock. A run that fails drops it instead, which closes both connections.
    pub(super) async fn end(self) -> Result<(), MigrateError> {
        // Everything is committed, so an error while closing has no consequence.
        drop(self.connection.close().await);
        self.lock.release().await
    }
}

/// The history of a database; empty if there is no tracking table.
pub(super) async fn history(
    db: &mut PgConnection,
    tracking: &Tracking,
) -> Result<Vec<Tracked>, MigrateError> {
    let read = || MigrateError::while_trying_to("read the tracking table");
    let exists = tracking.exists(db).await.map_err(read())?;
    if !not_foreign(tracking, exists)? {
        return Ok(Vec::new());
    }
    tracking.rows(db).await.map_err(read())
}

/// Fails when the database cannot store every record.
pub(super) async fn check_encoding(db: &mut PgConnection) -> Result<(), MigrateError> {
    let encoding = schema::encoding(db)
        .await
        .map_err(MigrateError::while_trying_to("read the encoding of the database"))?;
    if encoding == schema::ENCODING { Ok(()) } else { Err(MigrateError::Encoding { encoding }) }
}

/// Fails when the history and the migrations are inconsistent.
pub(super) fn check(set: &MigrationSet, history: &[Tracked]) -> Result<(), MigrateError> {
    let problems = problems(set, history);
    if problems.is_empty() { Ok(()) } else { Err(MigrateError::Invalid { problems }) }
}

fn not_foreign(
    tracking: &Tracking,
    exists: Result<bool, Vec<&'static str>>,
) -> Result<bool, MigrateError> {
    exists.map_err(|lacking| {
        let schema = tracking.schema().to_owned();
        MigrateError::ForeignTrackingTable { schema, lacking }
    })
}

/// Creates the schema and the table if they are missing. `IF NOT EXISTS` does not suffice: it requires the
/// privilege to create even if they exist.
async fn ensure_tracking(db: &mut PgConnection, tracking: &Tracking) -> Result<(), MigrateError> {
    let failed = || MigrateError::while_trying_to("create the tracking table");
    let exists = tracking.exists(db).await.map_err(failed())?;
    if not_foreign(tracking, exists)? {
        return Ok(());
    }
    let mut tx = db.begin().await.map_err(failed())?;
    if !tracking.schema_exists(&mut tx).await.map_err(failed())? {
        let sql = sqlx::AssertSqlSafe(tracking.create_schema_sql());
        sqlx::raw_sql(sql).execute(&mut *tx).await.map_err(failed())?;
    }
    let sql = sqlx::AssertSqlSafe(tracking.create_table_sql());
    sqlx::raw_sql(sql).execute(&mut *tx).await.map_err(failed())?;
    tx.commit().await.map_err(failed())
}
