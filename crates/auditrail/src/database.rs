//! The database of a command: the one of the URL, or the private PostgreSQL.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auditrail_core::CursorKey;
use auditrail_store::archive::ArchiveRestore;
use auditrail_store::holds::PgHolds;
use auditrail_store::migrate::Runner;
use auditrail_store::sequencer::{Reconciler, Sequencer};
use auditrail_store::text_index::TextIndexer;
use auditrail_store::tree::{Checker, Sealer, SignerSession};
use auditrail_store::{
    BulkWriter, PgApiKeys, PgAuditLog, PgRetention, RetentionRun, Sessions, end_with_client,
    parse_database_url,
};
use local_postgres::{Config, Event, LocalPostgres, Search, Status};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::config::Settings;
use crate::error::Error;
use crate::output::Output;

/// The database of the private PostgreSQL.
pub(crate) const PRIVATE_DATABASE: &str = "auditrail";
/// Connect timeout. Without it, a firewall that drops packets would block a command for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait of a service request for a free connection; after it the answer is 503.
const SERVICE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait of a statement of the service for a lock, and half of its timeout at most. Longer than a
/// migration holds one; a table that is locked for longer must not collect sessions that wait for it.
const SERVICE_LOCK_TIMEOUT: Duration = Duration::from_secs(4);
/// Timeout of the health check of a pooled connection. A connection that a firewall has dropped never
/// answers, and would occupy its pool slot until TCP gives up retransmitting.
const SERVICE_PING_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection used this recently is not checked again before it is handed out.
const SERVICE_PING_AFTER_IDLE: Duration = Duration::from_secs(1);
/// A command reads and writes on at most this many connections at once.
const MAX_CONNECTIONS: u32 = 3;
/// Locks of the private PostgreSQL for each connection, on average: a search locks every attached partition with
/// its indexes, some 400 locks, and PostgreSQL's default of 64 would suffice for about 15 of them at once.
const MAX_LOCKS: u16 = 256;

/// A database, and the handle of the private PostgreSQL if it is that.
pub(crate) struct Database {
    options: PgConnectOptions,
    url: String,
    private: Option<Arc<PrivatePostgres>>,
    output: Output,
}

/// This process's handle of the private PostgreSQL, which other processes may share.
pub(crate) struct PrivatePostgres {
    config: Config,
    /// `None` once the database is closed.
    server: Mutex<Option<LocalPostgres>>,
}

impl PrivatePostgres {
    /// Restarts the server after a crash. Returns `false` if it is running or was stopped on purpose.
    ///
    /// Blocks for as long as crash recovery takes.
    pub(crate) fn restart_if_crashed(&self) -> Result<bool, local_postgres::Error> {
        // A clean shutdown removes this file; a crash leaves it behind.
        let crashed = self.config.dir().join("pg/postmaster.pid").exists();
        let stopped = || local_postgres::status(self.config.dir());
        if !crashed || !matches!(stopped()?, Status::Stopped { .. }) {
            return Ok(false);
        }
        let restarted = LocalPostgres::open(self.config.clone())?;
        // The stale handle is dropped after the new one exists, so that the server never counts as
        // unused and is stopped.
        let stale = self.server().replace(restarted);
        drop(stale);
        Ok(true)
    }

    /// No holder of this lock panics, so a poisoned lock is safe to use.
    fn server(&self) -> MutexGuard<'_, Option<LocalPostgres>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// Parses the URL, or starts the private PostgreSQL and creates its database if it is missing.
    ///
    /// Does not connect yet.
    pub(crate) fn open(settings: &Settings, output: Output) -> Result<Self, Error> {
        let (url, private) = match &settings.database_url {
            Some(url) => (url.clone(), None),
            None => {
                let config = private_config(settings, output);
                let server = LocalPostgres::open(config.clone())?;
                server.ensure_database(PRIVATE_DATABASE)?;
                let url = server.url(PRIVATE_DATABASE);
                (url, Some(Arc::new(PrivatePostgres { config, server: Mutex::new(Some(server)) })))
            }
        };
        let options = parse(&url)?.application_name("auditrail").disable_statement_logging();
        Ok(Self { options, url, private, output })
    }

    /// The migration runner, after a test connection.
    pub(crate) async fn runner(&self, lock_timeout: Option<Duration>) -> Result<Runner, Error> {
        self.check_connection().await?;
        let runner = Runner::new(self.options.clone());
        Ok(match lock_timeout {
            Some(timeout) => runner.with_lock_timeout(timeout),
            None => runner,
        })
    }

    pub(crate) async fn log(&self) -> Result<PgAuditLog, Error> {
        Ok(PgAuditLog::new(self.pool().await?, CursorKey::public()))
    }

    pub(crate) async fn keys(&self) -> Result<PgApiKeys, Error> {
        Ok(PgApiKeys::new(self.pool().await?))
    }

    /// The holds.
    pub(crate) async fn holds(&self) -> Result<PgHolds, Error> {
        Ok(PgHolds::new(self.pool().await?))
    }

    /// The rules of retention.
    pub(crate) async fn retention(&self) -> Result<PgRetention, Error> {
        Ok(PgRetention::new(self.pool().await?))
    }

    /// The removal of records, over connections of its own.
    pub(crate) async fn retention_run(&self) -> Result<RetentionRun, Error> {
        self.check_connection().await?;
        self.migrate_private().await?;
        Ok(RetentionRun::new(self.options.clone()))
    }

    /// The restore of archives into this database.
    pub(crate) async fn archive_restore(&self) -> Result<ArchiveRestore, Error> {
        Ok(ArchiveRestore::new(self.pool().await?))
    }

    /// A dedicated connection for bulk writes.
    pub(crate) async fn bulk_writer(&self) -> Result<BulkWriter, Error> {
        Ok(self.log().await?.bulk_writer().await?)
    }

    /// The sequencer, over a connection of its own.
    pub(crate) async fn sequencer(&self) -> Result<Sequencer, Error> {
        self.prepare().await?;
        Ok(Sequencer::new(&self.options))
    }

    /// The sealer, over a connection of its own.
    pub(crate) async fn sealer(&self) -> Result<Sealer, Error> {
        self.prepare().await?;
        Ok(Sealer::new(&self.options))
    }

    /// The comparison of the records with the log, over a connection of its own.
    pub(crate) async fn checker(&self) -> Result<Checker, Error> {
        self.prepare().await?;
        Ok(Checker::new(&self.options))
    }

    /// What a signer of checkpoints needs, over a connection of its own.
    pub(crate) async fn signer_session(&self) -> Result<SignerSession, Error> {
        self.prepare().await?;
        Ok(SignerSession::new(&self.options))
    }

    /// The index of words, over a connection of its own.
    pub(crate) async fn text_indexer(&self) -> Result<TextIndexer, Error> {
        self.prepare().await?;
        Ok(TextIndexer::new(&self.options))
    }

    /// The check of the sequencer, over a connection of its own.
    pub(crate) async fn reconciler(&self) -> Result<Reconciler, Error> {
        self.prepare().await?;
        Ok(Reconciler::new(&self.options))
    }

    /// Migrates the private database, as `serve` does: its schema belongs to this program.
    async fn migrate_private(&self) -> Result<(), Error> {
        if !self.is_private() {
            return Ok(());
        }
        let runner = Runner::new(self.options.clone());
        let status = runner.status().await?;
        if status.pending() > 0 && status.problems.is_empty() {
            self.output.note("migrating the private PostgreSQL…");
            runner.up(None, &mut |_| {}).await?;
        }
        Ok(())
    }

    /// Checks that the database is reachable, and migrates a private one.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        self.check_connection().await?;
        self.migrate_private().await
    }

    async fn pool(&self) -> Result<PgPool, Error> {
        self.prepare().await?;
        PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(self.options.clone())
            .await
            .map_err(|source| self.unreachable(source))
    }

    /// Opens and closes one connection, to report why the database is unreachable.
    ///
    /// A pool would retry until its timeout and then report only the timeout.
    pub(crate) async fn check_connection(&self) -> Result<(), Error> {
        let connect = PgConnection::connect_with(&self.options);
        let connection = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(outcome) => outcome.map_err(|source| self.unreachable(source)),
            Err(_) => Err(self.unreachable(sqlx::Error::PoolTimedOut)),
        };
        // The server answered, so an error of closing is irrelevant.
        drop(connection?.close().await);
        Ok(())
    }

    /// The error of a connection that cannot be opened.
    pub(crate) fn unreachable(&self, source: sqlx::Error) -> Error {
        Error::Unreachable {
            doing: format!("cannot connect to the database {}", self.description()),
            source: match source {
                sqlx::Error::PoolTimedOut => {
                    format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()).into()
                }
                source => source.into(),
            },
        }
    }

    /// The database, host, port and user, without the password.
    pub(crate) fn description(&self) -> String {
        description(&self.options)
    }

    /// Whether this is the private PostgreSQL.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// The handle of the private PostgreSQL, if this is it.
    pub(crate) fn private(&self) -> Option<Arc<PrivatePostgres>> {
        self.private.clone()
    }

    /// The URL, which may contain a password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The connection options, which may contain a password.
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// The options of connections that change partitions or remove records: those of the URL of the owner if there
    /// is one.
    pub(crate) fn owner_options(&self, url: Option<&str>) -> Result<PgConnectOptions, Error> {
        Ok(match url {
            Some(url) => parse(url)?.disable_statement_logging(),
            None => self.options.clone(),
        })
    }

    /// A connection pool for the service. `statement_timeout` limits each statement, and also the wait
    /// for a connection; a wait for a lock ends earlier. Unresponsive connections are closed, even if the
    /// network drops packets, and the server ends the sessions of closed ones.
    ///
    /// Connections are opened lazily, so that the service starts quickly.
    pub(crate) fn service_pool(&self, connections: u32, statement_timeout: Duration) -> PgPool {
        let options = self.service_options(statement_timeout);
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(SERVICE_ACQUIRE_TIMEOUT.min(statement_timeout))
            // The pool's own check on release has no timeout, so this one runs before it; a connection
            // that fails it is closed without a Terminate message.
            .after_release(|db, _| {
                Box::pin(async { ping(db).await.then_some(true).ok_or(sqlx::Error::PoolTimedOut) })
            })
            .after_connect(|db, _| Box::pin(end_with_client(db)))
            .test_before_acquire(false)
            .before_acquire(|db, meta| {
                Box::pin(
                    async move { Ok(meta.idle_for < SERVICE_PING_AFTER_IDLE || ping(db).await) },
                )
            })
            .connect_lazy_with(options)
    }

    /// Connections of the service for pipelined statements, with the timeouts of
    /// [`service_pool`](Self::service_pool).
    pub(crate) fn service_sessions(
        &self,
        connections: u32,
        statement_timeout: Duration,
    ) -> Sessions {
        let options = self.service_options(statement_timeout);
        let acquire_timeout = SERVICE_ACQUIRE_TIMEOUT.min(statement_timeout);
        Sessions::new(&options, connections as usize, acquire_timeout)
    }

    /// The options of connections for reads and API keys, which nothing may hold up for long.
    fn service_options(&self, statement_timeout: Duration) -> PgConnectOptions {
        let lock_timeout = SERVICE_LOCK_TIMEOUT.min(statement_timeout / 2);
        let millis = |timeout: Duration| timeout.as_millis().max(1).to_string();
        self.options.clone().options([
            ("statement_timeout", millis(statement_timeout)),
            ("lock_timeout", millis(lock_timeout)),
        ])
    }

    /// Releases the private PostgreSQL, which stops unless another process uses it.
    pub(crate) fn close(self) -> Result<(), Error> {
        let server = self.private.and_then(|private| private.server().take());
        match server {
            Some(server) => Ok(server.close()?),
            None => Ok(()),
        }
    }
}

/// Whether the server answers within [`SERVICE_PING_TIMEOUT`].
async fn ping(db: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(SERVICE_PING_TIMEOUT, db.ping()).await, Ok(Ok(())))
}

/// The database, host, port and user of a URL, without the password.
pub(crate) fn describe_url(url: &str) -> Result<String, Error> {
    parse(url).map(|options| description(&options))
}

fn description(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    format!("{database} on {host}:{port} as {user}")
}

/// The configuration of the private PostgreSQL, with its progress as notes and warnings.
pub(crate) fn private_config(settings: &Settings, output: Output) -> Config {
    let search = Search::usual().with_bin_dir(settings.pg_bin.clone());
    let config = Config::new(&settings.data_dir)
        .search(search)
        .setting("max_locks_per_transaction", MAX_LOCKS.to_string());
    config.on_event(move |event| match event {
        Event::MakingCluster { .. } => output.note("creating the private PostgreSQL (first use)…"),
        Event::Starting { .. } => output.note("starting the private PostgreSQL…"),
        Event::Waiting { .. } => output.note(&event.to_string()),
        Event::NoChecksums | Event::NoWatchdog => output.warn(&event.to_string()),
        _ => {}
    })
}

/// Parses a URL. It may contain a password, so no message repeats it.
fn parse(url: &str) -> Result<PgConnectOptions, Error> {
    parse_database_url(url).map_err(|error| {
        Error::Usage(format!(
            "the database URL {error}; the format is postgres://USER:PASSWORD@HOST:5432/DATABASE, or \
             postgres:///DATABASE?host=/DIRECTORY&user=USER for a Unix socket"
        ))
    })
}
