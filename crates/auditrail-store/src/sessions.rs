//! A pool of connections for statements that are sent together.

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

/// A connection that has been idle for longer is replaced instead of used: a firewall may have
/// forgotten it, and a statement over it would wait until it times out.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A pool of connections to one database.
///
/// Taking a connection and giving it back cost no round trip. Connections are made when they are
/// needed, and up to a number. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    permits: Arc<Semaphore>,
    max: usize,
    /// How long to wait for a connection, be it another caller's or a new one.
    acquire_timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// Something to read.
pub(crate) trait Read: Sync {
    type Output: Send;

    /// Statements that are sent before the first one, in the same exchange.
    fn prologue(&self) -> Vec<Sql>;

    fn read(&self, db: Db<'_>) -> impl Future<Output = Result<Self::Output, StoreError>> + Send;
}

/// A connection that goes back to its pool when it is dropped, if it can be used again.
#[derive(Debug)]
struct Session {
    /// There until the session is dropped.
    connection: Option<Connection>,
    /// Whether the connection was used before, so that it may have been lost meanwhile.
    is_reused: bool,
    pool: Arc<Inner>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Sessions {
    /// A pool of at most `max` connections. Nothing is connected yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions, max: usize, acquire_timeout: Duration) -> Self {
        let inner = Inner {
            options: pipeline_options(options),
            permits: Arc::new(Semaphore::new(max)),
            max,
            acquire_timeout,
            idle: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many connections there are, and how many of them are idle.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let idle = self.inner.idle().len();
        (self.inner.max - self.inner.permits.available_permits() + idle, idle)
    }

    /// Closes the idle connections; those in use are closed when they come back.
    pub async fn close(&self) {
        self.inner.permits.close();
        let idle = std::mem::take(&mut *self.inner.idle());
        for Idle { connection, .. } in idle {
            // What was committed stays committed; a failed farewell changes nothing.
            drop(connection.close().await);
        }
    }

    /// Takes a connection, the one that was used last if any is idle.
    async fn acquire(&self) -> Result<Session, StoreError> {
        self.take(false).await
    }

    /// Makes a new connection, after an idle one turned out to be lost.
    async fn acquire_new(&self) -> Result<Session, StoreError> {
        self.take(true).await
    }

    /// Reads over a connection.
    ///
    /// When one that was used before turns out to be lost, all is read once more over a new one.
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
        let give_up = Instant::now() + inner.acquire_timeout;
        let waiting = Arc::clone(&inner.permits).acquire_owned();
        let permit = match timeout(inner.acquire_timeout, waiting).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(unavailable(sqlx::Error::PoolClosed)),
            Err(_) => return Err(unavailable(sqlx::Error::PoolTimedOut)),
        };
        if is_new {
            // Those that are idle were probably lost with it.
            inner.idle().clear();
        }
        let idle = inner.pop();
        let is_reused = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let left = give_up.saturating_duration_since(Instant::now());
                connect(&inner.options, left).await.map_err(unavailable)?
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
    /// Takes an idle connection that is not too old; older ones are closed.
    fn pop(&self) -> Option<Connection> {
        let mut idle = self.idle();
        let last = idle.pop().filter(|last| last.since.elapsed() < IDLE_MAX);
        if last.is_none() {
            // The last one is the one that was used most recently.
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
        // A key is verified even if nothing had to be read.
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
        if !connection.is_in_transaction() || connection.is_abandoned() {
            return;
        }
        // The transaction has written nothing, so the caller need not wait for its end.
        let (pool, permit) = (Arc::clone(&self.pool), self.permit.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
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
