//! The connection of the sequencer, and of what follows the sequence.

use std::time::Duration;

use pg_pipeline::{Connection, Options};
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use crate::connect::{connect, pipeline_options};
use crate::db::{Row, rows_of, run_together};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::sqlstate::from_pipeline;

/// Timeout of a statement in the server, and so the bound of a step. A step usually takes some milliseconds; only the rows
/// of a transaction that was rolled back, which the index still has, can take it longer: ten million some ten seconds.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout of the wait for a lock. Only a migration holds one that conflicts.
const LOCK_TIMEOUT: Duration = Duration::from_secs(4);
/// When the server ends a session that has stopped between two statements of a step, and so releases the lock of
/// the sequencer: its process was suspended, or its host is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of an exchange, and of connecting.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(35);

/// The statements are planned once, without knowing the range: only an ordered scan of an index reads no more than the
/// records of a step.
pub(super) const PLANNING: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("jit", "off"),
];

/// Opens connections with the settings that the statements need.
#[derive(Debug)]
pub(crate) struct Session {
    options: Options,
    db: Option<Connection>,
    /// See [`identity`].
    cluster: String,
}

impl Session {
    pub(crate) fn new(options: &PgConnectOptions, application_name: &str) -> Self {
        let millis = |timeout: Duration| timeout.as_millis().to_string();
        let options =
            options.clone().application_name(application_name).options(PLANNING).options([
                ("statement_timeout", millis(STATEMENT_TIMEOUT)),
                ("lock_timeout", millis(LOCK_TIMEOUT)),
                ("idle_in_transaction_session_timeout", millis(IDLE_TIMEOUT)),
            ]);
        Self { options: pipeline_options(&options), db: None, cluster: String::new() }
    }

    /// The usable connection, or a new one, and the identity of its database.
    pub(crate) async fn connection(&mut self) -> Result<(&mut Connection, &str), StoreError> {
        let usable = self.db.take().filter(Connection::is_usable);
        let db = match usable {
            Some(db) => db,
            None => {
                let connected = connect(&self.options, RESPONSE_TIMEOUT).await;
                let mut db = connected.map_err(StoreError::while_trying_to("connect"))?;
                refuse_distributed(&mut db).await?;
                self.cluster = identity(&mut db).await?;
                db
            }
        };
        Ok((self.db.insert(db), &self.cluster))
    }

    /// The connection, in whose transaction the caller continues.
    pub(crate) fn open_transaction(&mut self) -> Result<(&mut Connection, &str), StoreError> {
        let db = self.db.as_mut().ok_or(sqlx::Error::PoolClosed);
        Ok((db.map_err(StoreError::while_trying_to("continue a transaction"))?, &self.cluster))
    }

    /// Ends the session.
    pub(crate) async fn close(&mut self) {
        if let Some(db) = self.db.take() {
            // Everything is committed, so an error while closing has no consequence.
            drop(timeout(RESPONSE_TIMEOUT, db.close()).await);
        }
    }
}

/// Runs statements in one exchange, and returns the rows of each.
///
/// After an error the transaction is rolled back, or the connection is not usable any more.
pub(crate) async fn run(
    db: &mut Connection,
    statements: &[Sql],
    doing: &'static str,
) -> Result<Vec<Vec<Row>>, StoreError> {
    let outcome = timeout(RESPONSE_TIMEOUT, run_together(db, statements)).await;
    let outcome = outcome.unwrap_or_else(|_| {
        let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "no response in time");
        Err(pg_pipeline::Failed { statement: 0, error: pg_pipeline::Error::Io(error) })
    });
    match outcome {
        Ok(replies) => Ok(replies.into_iter().map(rows_of).collect()),
        Err(failed) => {
            roll_back(db).await;
            Err(StoreError::while_trying_to(doing)(from_pipeline(failed)))
        }
    }
}

/// Runs a statement.
pub(crate) async fn run_one(
    db: &mut Connection,
    statement: &Sql,
    doing: &'static str,
) -> Result<Vec<Row>, StoreError> {
    let rows = run(db, std::slice::from_ref(statement), doing).await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Rolls back the open transaction, if any. If that fails, the connection is not used again.
pub(crate) async fn roll_back(db: &mut Connection) {
    if db.is_in_transaction() && !db.is_abandoned() {
        let rollback = [Sql::new("rollback")];
        drop(timeout(RESPONSE_TIMEOUT, run_together(db, &rollback)).await);
    }
}

/// The cluster and the database to which snapshots and ids of transactions belong.
///
/// Managed services may revoke `pg_control_system()`. Then the database alone has to do: that the position came with a
/// restore is detected by its `xmin` too.
async fn identity(db: &mut Connection) -> Result<String, StoreError> {
    let doing = "identify the cluster";
    let with_system = Sql::new(
        "select control.system_identifier || '/' || d.oid
           from pg_catalog.pg_database d
          cross join pg_catalog.pg_control_system() control
          where d.datname = current_database()",
    );
    let database = Sql::new(
        "select 'unknown/' || d.oid from pg_catalog.pg_database d where d.datname = current_database()",
    );
    let rows = match run_one(db, &with_system.unprepared(), doing).await {
        Err(StoreError::PermissionDenied { .. }) => {
            run_one(db, &database.unprepared(), doing).await?
        }
        rows => rows?,
    };
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}

/// Refuses a table whose rows are on several servers.
async fn refuse_distributed(db: &mut Connection) -> Result<(), StoreError> {
    let doing = "look for distributed tables";
    let has_citus = Sql::new("select to_regclass('pg_catalog.pg_dist_partition') is not null");
    if !is_true(&run_one(db, &has_citus.unprepared(), doing).await?, doing)? {
        return Ok(());
    }
    let is_distributed = Sql::new(
        "select exists (select from pg_catalog.pg_dist_partition
                         where logicalrelid = to_regclass('control_plane.audit_logs'))",
    );
    if is_true(&run_one(db, &is_distributed.unprepared(), doing).await?, doing)? {
        return Err(StoreError::Distributed);
    }
    Ok(())
}

fn is_true(rows: &[Row], doing: &'static str) -> Result<bool, StoreError> {
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}
