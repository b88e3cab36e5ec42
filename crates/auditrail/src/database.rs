//! The database a command works with: the one a URL names, or the private PostgreSQL.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auditrail_core::CursorKey;
use auditrail_store::migrate::Runner;
use auditrail_store::{BulkWriter, PgApiKeys, PgAuditLog, Sessions};
use local_postgres::{Config, Event, LocalPostgres, Search, Status};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::cmd::Context;
use crate::config::Settings;
use crate::error::Error;
use crate::output::Output;

/// The database of the private PostgreSQL.
pub(crate) const PRIVATE_DATABASE: &str = "auditrail";
/// How long a connection may take; a server behind a firewall would else keep us for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A request of the service that gets no connection in this time is told to come back.
const SERVICE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to say that it is well; one that a firewall has forgotten never
/// does, and would keep its place in the pool for as long as the system repeats what was not heard.
const SERVICE_PING_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that was well so recently is not asked again before it is used.
const SERVICE_FRESH: Duration = Duration::from_secs(1);
/// One writes while one reads; nothing here does more at once.
const MAX_CONNECTIONS: u32 = 3;

/// A database, and our share in the private PostgreSQL when it is there.
pub(crate) struct Database {
    options: PgConnectOptions,
    url: String,
    private: Option<Arc<Private>>,
}

/// Our share in the private PostgreSQL.
pub(crate) struct Private {
    config: Config,
    /// Taken away when we are done with it.
    held: Mutex<Option<LocalPostgres>>,
}

impl Private {
    /// Starts the server again if it has died; `false` when it has not, or was stopped on purpose.
    ///
    /// It blocks for as long as recovery takes.
    pub(crate) fn revive(&self) -> Result<bool, local_postgres::Error> {
        // Who is killed leaves this behind; who is told to end does not.
        let died = self.config.dir().join("pg/postmaster.pid").exists();
        let stopped = || local_postgres::status(self.config.dir());
        if !died || !matches!(stopped()?, Status::Stopped { .. }) {
            return Ok(false);
        }
        let again = LocalPostgres::open(self.config.clone())?;
        // The share in the dead server goes after ours in the new one, so that nobody stops it.
        let dead = self.held().replace(again);
        drop(dead);
        Ok(true)
    }

    /// Nothing panics while it holds the lock.
    fn held(&self) -> MutexGuard<'_, Option<LocalPostgres>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// Reads the URL, or starts the private PostgreSQL and makes its database.
    pub(crate) fn open(cx: &Context) -> Result<Self, Error> {
        let (url, private) = match &cx.settings.database_url {
            Some(url) => (url.clone(), None),
            None => {
                let config = private_config(&cx.settings, cx.output);
                let server = LocalPostgres::open(config.clone())?;
                server.ensure_database(PRIVATE_DATABASE)?;
                let url = server.url(PRIVATE_DATABASE);
                (url, Some(Arc::new(Private { config, held: Mutex::new(Some(server)) })))
            }
        };
        let options = parse(&url)?.application_name("auditrail").disable_statement_logging();
        Ok(Self { options, url, private })
    }

    /// A runner for its migrations.
    pub(crate) async fn runner(&self, lock_timeout: Option<Duration>) -> Result<Runner, Error> {
        self.reach().await?;
        let runner = Runner::new(self.options.clone());
        Ok(match lock_timeout {
            Some(timeout) => runner.with_lock_timeout(timeout),
            None => runner,
        })
    }

    /// The audit log in it.
    pub(crate) async fn log(&self) -> Result<PgAuditLog, Error> {
        Ok(PgAuditLog::new(self.pool().await?, CursorKey::public()))
    }

    /// The API keys in it.
    pub(crate) async fn keys(&self) -> Result<PgApiKeys, Error> {
        Ok(PgApiKeys::new(self.pool().await?))
    }

    /// A connection that writes many records.
    pub(crate) async fn bulk_writer(&self) -> Result<BulkWriter, Error> {
        Ok(self.log().await?.bulk_writer().await?)
    }

    /// A pool of connections.
    async fn pool(&self) -> Result<PgPool, Error> {
        self.reach().await?;
        PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(self.options.clone())
            .await
            .map_err(|source| self.unreachable(source))
    }

    /// Makes one connection, to find out whether and why not.
    ///
    /// A pool repeats a refused connection until its timeout and then does not say why.
    pub(crate) async fn reach(&self) -> Result<(), Error> {
        let connect = PgConnection::connect_with(&self.options);
        let first = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(outcome) => outcome.map_err(|source| self.unreachable(source)),
            Err(_) => Err(self.unreachable(sqlx::Error::PoolTimedOut)),
        };
        // The answer is what counts; a connection that will not close politely is no matter.
        drop(first?.close().await);
        Ok(())
    }

    fn unreachable(&self, source: sqlx::Error) -> Error {
        Error::Unreachable {
            doing: format!("cannot reach the database {}", self.shown()),
            source: match source {
                sqlx::Error::PoolTimedOut => {
                    format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()).into()
                }
                source => source.into(),
            },
        }
    }

    /// Where it is, without the password.
    pub(crate) fn shown(&self) -> String {
        shown(&self.options)
    }

    /// Whether it is the private one.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Our share in the private one, if it is that.
    pub(crate) fn private(&self) -> Option<Arc<Private>> {
        self.private.clone()
    }

    /// Its URL, which may hold a password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How to connect to it.
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// A pool for a service: its statements end after `statement_timeout`, and so does waiting for a
    /// connection. A connection that does not answer any more is given up, however the network fails.
    ///
    /// Nothing is connected yet, so that a service starts as quickly as it can.
    pub(crate) fn service_pool(&self, connections: u32, statement_timeout: Duration) -> PgPool {
        let millis = statement_timeout.as_millis().max(1).to_string();
        let options = self.options.clone().options([("statement_timeout", millis)]);
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(SERVICE_ACQUIRE_TIMEOUT.min(statement_timeout))
            // The pool's own test when a connection comes back would wait for ever, so this one goes
            // before it; a connection that fails it is closed without a farewell.
            .after_release(|db, _| {
                Box::pin(async {
                    answers(db).await.then_some(true).ok_or(sqlx::Error::PoolTimedOut)
                })
            })
            .test_before_acquire(false)
            .before_acquire(|db, meta| {
                Box::pin(async move { Ok(meta.idle_for < SERVICE_FRESH || answers(db).await) })
            })
            .connect_lazy_with(options)
    }

    /// Connections of a service for statements that are sent together, with the timeouts of
    /// [`service_pool`](Self::service_pool).
    pub(crate) fn service_sessions(
        &self,
        connections: u32,
        statement_timeout: Duration,
    ) -> Sessions {
        let millis = statement_timeout.as_millis().max(1).to_string();
        let options = self.options.clone().options([("statement_timeout", millis)]);
        let acquire_timeout = SERVICE_ACQUIRE_TIMEOUT.min(statement_timeout);
        Sessions::new(&options, connections as usize, acquire_timeout)
    }

    /// Lets go of the private PostgreSQL, and stops it when nobody else uses it.
    pub(crate) fn close(self) -> Result<(), Error> {
        let server = self.private.and_then(|private| private.held().take());
        match server {
            Some(server) => Ok(server.close()?),
            None => Ok(()),
        }
    }
}

async fn answers(db: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(SERVICE_PING_TIMEOUT, db.ping()).await, Ok(Ok(())))
}

/// Where a URL leads, without the password.
pub(crate) fn place(url: &str) -> Result<String, Error> {
    parse(url).map(|options| shown(&options))
}

fn shown(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    format!("{database} on {host}:{port} as {user}")
}

/// How to open the private PostgreSQL, and what is told while that takes a moment.
pub(crate) fn private_config(settings: &Settings, output: Output) -> Config {
    let search = Search::usual().with_bin_dir(settings.pg_bin.clone());
    let config = Config::new(&settings.data_dir).search(search);
    config.on_event(move |event| match event {
        Event::MakingCluster { .. } => output.note("making a private PostgreSQL, once…"),
        Event::Starting { .. } => output.note("starting the private PostgreSQL…"),
        Event::Waiting { .. } => output.note(&event.to_string()),
        Event::NoChecksums | Event::NoWatchdog => output.warn(&event.to_string()),
        _ => {}
    })
}

/// Reads a URL. It may hold a password, so no message repeats it.
fn parse(url: &str) -> Result<PgConnectOptions, Error> {
    let wrong = |why: &str| {
        Error::Usage(format!(
            "the database URL {why}; it looks like postgres://USER:PASSWORD@HOST:5432/DATABASE"
        ))
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(wrong("does not start with postgres://"));
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| wrong("cannot be read"))?;
    // A URL writes an IPv6 address in brackets, which the system's resolver does not take.
    let address = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = address.map(str::to_owned);
    Ok(match address {
        Some(address) => options.host(&address),
        None => options,
    })
}
