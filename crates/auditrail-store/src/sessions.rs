//! A connection pool for pipelined statements.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pg_pipeline::{Connection, Options};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::connect::{connect, pipeline_options};
use crate::db::{Db, Prologue};
use crate::error::StoreError;
use crate::sql::Sql;

/// A connection that has been idle for longer is replaced: a firewall may have dropped it, and a statement
/// over it would wait for its timeout.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A pool of connections to one database.
///
/// Acquiring and releasing a connection cost no round trip. Connections are opened on demand, up to a
/// maximum. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    permits: Arc<Semaphore>,
    max: usize,
    /// The timeout for acquiring a connection, idle or new.
    acquire_timeout: Duration,
    idle: Mutex<Vec<Idle>>,
    /// Whether the last attempt to connect failed.
    is_unreachable: AtomicBool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A read operation.
pub(crate) trait Read: Sync {
    type Output: Send;

    /// Statements to send before the first one, in the same exchange.
    fn prologue(&self) -> Vec<Sql>;

    fn read(&self, db: Db<'_>) -> impl Future<Output = Result<Self::Output, StoreError>> + Send;
}

/// A connection that returns to its pool when it is dropped, if it is usable.
#[derive(Debug)]
struct Session {
    /// `Some` until the session is dropped.
    connection: Option<Connection>,
    /// Whether the connection was used before, so that it may have been lost meanwhile.
    is_reused: bool,
    pool: Arc<Inner>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Sessions {
    /// A pool of at most `max` connections. Connects on first use.
    #[must_use]
    pub fn new(options: &PgConnectOptions, max: usize, acquire_timeout: Duration) -> Self {
        let inner = Inner {
            options: pipeline_options(options),
            permits: Arc::new(Semaphore::new(max)),
            max,
            acquire_timeout,
            idle: Mutex::default(),
            is_unreachable: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The maximum number of connections.
    #[must_use]
    pub fn max(&self) -> usize {
        self.inner.max
    }

    /// The number of connections, and how many of them are idle.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let idle = self.inner.idle().len();
        (self.inner.max - self.inner.permits.available_permits() + idle, idle)
    }

    /// Closes the idle connections; those in use are closed when they are released.
    pub async fn close(&self) {
        self.inner.permits.close();
        let idle = std::mem::take(&mut *self.inner.idle());
        for Idle { connection, .. } in idle {
            // Everything is committed, so an error while closing has no consequence.
            drop(connection.close().await);
        }
    }

    /// Acquires a connection: the most recently used one, if any is idle.
    async fn acquire(&self) -> Result<Session, StoreError> {
        self.take(false).await
    }

    /// Opens a new connection, after an idle one turned out to be lost.
    async fn acquire_new(&self) -> Result<Session, StoreError> {
        self.take(true).await
    }

    /// Reads over a connection.
    ///
    /// When a reused connection turns out to be lost, the operation is repeated over a new one.
    pub(crate) async fn read<R: Read>(&self, read: &R) -> Result<R::Output, StoreError> {
        let mut session = self.acquire().await?;
        let is_reused = session.is_reused();
        match session.run(read).await {
            Err(StoreError::Unreachable { .. }) if is_reused => {
                drop(session);
                self.acquire_new().await?.run(read).await
            }
            outcome => outcome,
        }
    }

    async fn take(&self, is_new: bool) -> Result<Session, StoreError> {
        let inner = &self.inner;
        let deadline = Instant::now() + inner.acquire_timeout;
        let acquire = Arc::clone(&inner.permits).acquire_owned();
        let permit = match timeout(inner.acquire_timeout, acquire).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(unavailable(sqlx::Error::PoolClosed)),
            Err(_) if inner.is_unreachable.load(Ordering::Relaxed) => {
                return Err(unavailable(sqlx::Error::PoolTimedOut));
            }
            Err(_) => return Err(StoreError::Overloaded { doing: "get a connection" }),
        };
        if is_new {
            // The idle ones were probably lost as well.
            inner.idle().clear();
        }
        let idle = inner.pop();
        let is_reused = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let left = deadline.saturating_duration_since(Instant::now());
                let connected = connect(&inner.options, left).await;
                inner.is_unreachable.store(connected.is_err(), Ordering::Relaxed);
                connected.map_err(unavailable)?
            }
        };
        let connection = Some(connection);
        Ok(Session { connection, is_reused, pool: Arc::clone(inner), permit: Some(permit) })
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::while_trying_to("get a connection")(error)
}

impl Inner {
    /// Takes the most recently used connection, and closes all if that one is too old.
    fn pop(&self) -> Option<Connection> {
        let mut idle = self.idle();
        let last = idle.pop().filter(|last| last.since.elapsed() < IDLE_MAX);
        if last.is_none() {
            // The others have been idle for longer.
            idle.clear();
        }
        last.map(|last| last.connection)
    }

    fn push(&self, connection: Connection) {
        if !self.permits.is_closed() {
            self.idle().push(Idle { connection, since: Instant::now() });
        }
    }

    /// Nothing panics while it holds the lock.
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// The connection.
    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        self.connection.as_mut().ok_or_else(|| unavailable(sqlx::Error::PoolClosed))
    }

    async fn run<R: Read>(&mut self, read: &R) -> Result<R::Output, StoreError> {
        let mut prologue = Prologue(read.prologue());
        let connection = self.connection()?;
        let outcome = read.read(Db::Pipeline { connection, prologue: &mut prologue }).await?;
        // The key is verified even if no statement was sent.
        if let Some(last) = prologue.0.pop() {
            let mut db = Db::Pipeline { connection: self.connection()?, prologue: &mut prologue };
            db.fetch(&last).await.map_err(StoreError::while_trying_to("end a search"))?;
        }
        Ok(outcome)
    }

    /// Whether the connection was used before, so that it may have been lost meanwhile.
    const fn is_reused(&self) -> bool {
        self.is_reused
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if connection.is_usable() {
            self.pool.push(connection);
            return;
        }
        if !connection.is_in_transaction() && !connection.is_abandoned() {
            return;
        }
        let (pool, permit) = (Arc::clone(&self.pool), self.permit.take());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if connection.is_abandoned() {
            // The caller is gone, and its statement may run or wait for a lock for long. The permit is kept until
            // the server has ended it, so that the number of sessions in the server stays within the maximum.
            runtime.spawn(async move {
                drop(timeout(pool.acquire_timeout, connection.abort()).await);
                drop(permit);
            });
        } else {
            // The transaction has written nothing, so the caller need not wait for its end.
            runtime.spawn(async move {
                let mut exchange = connection.exchange();
                exchange.execute(pg_pipeline::Statement::kept("rollback"), &[]);
                let ended = timeout(pool.acquire_timeout, exchange.run()).await;
                if matches!(ended, Ok(Ok(_))) && connection.is_usable() {
                    pool.push(connection);
                }
                drop(permit);
            });
        }
    }
}
