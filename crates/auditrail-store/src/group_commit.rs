//! Group commit: the writes of many callers in one transaction.
//!
//! When a worker becomes idle, all queued requests are written by one COPY with one commit, and
//! acknowledged after it. Without load there is no timer to wait for: a request is a group of its own,
//! and groups grow with the load. While one worker writes, another leaves a few records to it for some
//! milliseconds: two small groups cost more than one.
//!
//! `queue` bounds and holds the requests; `worker` is a connection with its loop, its retries and the
//! splitting of failed groups; `group` writes one group; `classify` decides, without a database, which
//! records of a group are new; `fault` distinguishes a bad record from an unavailable database.

mod classify;
mod error;
mod fault;
mod group;
mod histogram;
mod limits;
mod queue;
mod request;
mod stats;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

pub use error::{Unfinished, WriteError};
pub use histogram::Histogram;
pub use limits::WriterLimits;
pub use request::{OnConflict, WriteOutcome, WriteRequest};
pub use stats::WriterStats;

use crate::connect::pipeline_options;
use queue::Queue;
use worker::Worker;

/// The application name of the sessions in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail writer";

/// Writes the records of concurrent callers together; cheap to clone.
///
/// - A request is acknowledged after its commit, never before.
/// - A request that conflicts or that the database rejects fails alone; the others are written.
/// - When the connection is lost, requests wait until their deadline for a new one. Those whose commit
///   was in flight are looked up by their ids, so none is written twice.
/// - The queue is bounded by records and by bytes; beyond that callers wait.
///
/// Dropping the future of [`write`](Self::write) withdraws the request if it is still queued; otherwise it
/// may be written.
///
/// ```no_run
/// # use auditrail_core::{ProvidedFields, Record};
/// # async fn write(options: sqlx::postgres::PgConnectOptions, record: Record)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use auditrail_store::{GroupWriter, WriteRequest, WriterLimits};
///
/// let writer = GroupWriter::start(options, WriterLimits::default());
/// let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
/// let outcome = writer.write(WriteRequest::one(record, ProvidedFields::ALL), deadline).await?;
/// assert!(outcome.created == [0] || outcome.duplicates == [0]);
/// writer.close(Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GroupWriter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    queue: Arc<Queue>,
    workers: Vec<AbortHandle>,
}

impl GroupWriter {
    /// Starts the workers. They connect at once, and reconnect when necessary.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn start(options: PgConnectOptions, limits: WriterLimits) -> Self {
        let limits = limits.at_least_one();
        let options = options.application_name(APPLICATION_NAME).options([
            ("statement_timeout", limits.statement_timeout.as_millis().to_string()),
            ("lock_timeout", limits.lock_timeout.as_millis().to_string()),
        ]);
        let options = pipeline_options(&options);
        let queue = Arc::new(Queue::new(limits.clone()));
        let workers = (0..limits.writers).map(|_| {
            let worker = Worker::new(Arc::clone(&queue), options.clone(), &limits);
            tokio::spawn(worker.run()).abort_handle()
        });
        Self { inner: Arc::new(Inner { workers: workers.collect(), queue }) }
    }

    /// Writes the records of a request, together with those of others, and waits for the commit.
    ///
    /// The number of callers that wait for space in the queue is not bounded; a server must limit its
    /// requests.
    ///
    /// # Errors
    /// See [`WriteError`], which documents for each error whether something may have been written. Retrying a
    /// request with the same ids is always safe.
    pub async fn write(
        &self,
        request: WriteRequest,
        deadline: Instant,
    ) -> Result<WriteOutcome, WriteError> {
        if request.records.is_empty() {
            return Ok(WriteOutcome::default());
        }
        self.inner.queue.submit(request, deadline).await
    }

    /// Shuts down: rejects new requests, and waits until the accepted ones are completed.
    ///
    /// Callers that wait for space in the queue get [`WriteError::Closed`], and so do later ones.
    ///
    /// # Errors
    /// [`Unfinished`] when that takes longer than `within`. The remaining requests are dropped, and their
    /// callers get [`WriteError::Closed`].
    pub async fn close(&self, within: Duration) -> Result<(), Unfinished> {
        let Inner { queue, workers } = &*self.inner;
        queue.close();
        if timeout(within, queue.all_ended()).await.is_ok() {
            return Ok(());
        }
        let records = queue.abandon();
        workers.iter().for_each(AbortHandle::abort);
        Err(Unfinished { records })
    }

    /// The number of committed groups, which changes after each commit: something that reads what was written waits
    /// for it.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.queue.commits()
    }

    /// The current statistics.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        self.inner.queue.stats()
    }
}

/// When the last handle is dropped, the workers write the accepted requests and end.
impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}
