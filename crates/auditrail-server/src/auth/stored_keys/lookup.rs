//! Coalesced API key lookups: one statement for all requests that wait for one.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auditrail_core::ApiKeyHash;
use auditrail_store::{ApiKeysByHash, PgApiKeys, StoreError, VersionedApiKey};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Pause between two attempts while the database is unreachable.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Looks keys up, one statement at a time.
///
/// A request is served by a statement that *starts after it arrived*: while one is in flight, requests
/// gather for the next. A result is thus never older than the request it is for.
#[derive(Clone)]
pub(super) struct KeyLookupBatcher(Arc<Inner>);

struct Inner {
    keys: PgApiKeys,
    /// Timeout of a lookup, with its retries.
    timeout: Duration,
    /// How long to retry while the database is unreachable.
    outage: Duration,
    queue: Mutex<Queue>,
    lookups: AtomicU64,
}

/// The requests for the next statement. Each request has one entry at most, so the number of connections
/// bounds the queue.
#[derive(Default)]
struct Queue {
    waiting: Waiting,
    /// Whether a worker is running; it checks the queue again before it ends.
    busy: bool,
}

type Waiting = HashMap<ApiKeyHash, Vec<oneshot::Sender<LookupResult>>>;
type LookupResult = Result<Option<VersionedApiKey>, LookupError>;

/// Why a lookup failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum LookupError {
    /// The statement failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The statement timed out.
    #[error("the API key lookup timed out after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The worker ended: it panicked, or the runtime is shutting down.
    #[error("the API key lookup was aborted")]
    Aborted,
}

impl KeyLookupBatcher {
    pub(super) fn new(keys: PgApiKeys, timeout: Duration, outage: Duration) -> Self {
        let (queue, lookups) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Inner { keys, timeout, outage, queue, lookups }))
    }

    /// Number of statements so far.
    pub(super) fn lookups(&self) -> u64 {
        self.0.lookups.load(Ordering::Relaxed)
    }

    /// The key with this hash, active or not.
    pub(super) async fn find(&self, hash: ApiKeyHash) -> LookupResult {
        let (sender, receiver) = oneshot::channel();
        if self.0.enqueue(hash, sender) {
            // A task of its own: this request may be cancelled while others wait for the same result.
            tokio::spawn(run(WorkerGuard(Arc::clone(&self.0))));
        }
        receiver.await.unwrap_or(Err(LookupError::Aborted))
    }
}

impl fmt::Debug for KeyLookupBatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLookupBatcher").field("lookups", &self.lookups()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Adds a request to the queue. Returns whether the caller has to start a worker.
    fn enqueue(&self, hash: ApiKeyHash, sender: oneshot::Sender<LookupResult>) -> bool {
        let mut queue = self.queue();
        queue.waiting.entry(hash).or_default().push(sender);
        !std::mem::replace(&mut queue.busy, true)
    }

    /// Takes the next batch; `None` ends the worker.
    fn next_batch(&self) -> Option<Waiting> {
        let mut queue = self.queue();
        queue.busy = !queue.waiting.is_empty();
        queue.busy.then(|| std::mem::take(&mut queue.waiting))
    }

    /// Takes the queued requests; the worker goes on.
    fn drain(&self) -> Waiting {
        std::mem::take(&mut self.queue().waiting)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resets the queue if the worker panics, so that waiting requests fail instead of hanging.
struct WorkerGuard(Arc<Inner>);

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Dropping the senders fails the waiting requests; the next request starts a new worker.
            *self.0.queue() = Queue::default();
        }
    }
}

async fn run(guard: WorkerGuard) {
    let inner = &*guard.0;
    while let Some(batch) = inner.next_batch() {
        let hashes: Vec<ApiKeyHash> = batch.keys().copied().collect();
        inner.lookups.fetch_add(1, Ordering::Relaxed);
        let lookup = find_with_retry(&inner.keys, &hashes, inner.outage);
        let error = match tokio::time::timeout(inner.timeout, lookup).await {
            Ok(Ok(keys)) => {
                respond(batch, keys);
                continue;
            }
            Ok(Err(error)) => LookupError::Store(Arc::new(error)),
            Err(_) => LookupError::TimedOut(inner.timeout),
        };
        fail(batch, &error);
        // Requests that arrived meanwhile would wait as long again for the same error.
        fail(inner.drain(), &error);
    }
}

/// Looks the keys up, and retries while the database is unreachable: a restart takes a second or two,
/// and callers need not see it.
async fn find_with_retry(
    keys: &PgApiKeys,
    hashes: &[ApiKeyHash],
    outage: Duration,
) -> Result<ApiKeysByHash, StoreError> {
    let deadline = Instant::now() + outage;
    loop {
        match keys.find_by_hashes(hashes).await {
            Err(error) if error.is_worth_retrying() && Instant::now() + RETRY_PAUSE < deadline => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}

fn respond(batch: Waiting, mut keys: ApiKeysByHash) {
    for (hash, senders) in batch {
        let result =
            keys.remove(&hash).transpose().map_err(|error| LookupError::Store(Arc::new(error)));
        send(senders, &result);
    }
}

fn fail(batch: Waiting, error: &LookupError) {
    for senders in batch.into_values() {
        send(senders, &Err(error.clone()));
    }
}

fn send(senders: Vec<oneshot::Sender<LookupResult>>, result: &LookupResult) {
    for sender in senders {
        // Sending fails if the request was cancelled, which is fine.
        drop(sender.send(result.clone()));
    }
}
