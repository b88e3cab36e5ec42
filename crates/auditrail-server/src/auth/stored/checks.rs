//! One question to the database for every request that waits to ask one.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auditrail_core::KeyHash;
use auditrail_store::{FoundKey, FoundKeys, PgKeys, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long to wait before a database that is out of reach is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks for keys, one question at a time.
///
/// A request waits for a question that is *put after it came*: while one is under way, those who
/// come gather for the next. So an answer is never older than the request it is for.
#[derive(Clone)]
pub(super) struct Checks(Arc<Inner>);

struct Inner {
    keys: PgKeys,
    /// How long a question may take.
    patience: Duration,
    /// How long to ask again while the database is out of reach.
    outage: Duration,
    queue: Mutex<Queue>,
    asked: AtomicU64,
}

/// Who waits for the next question. There is one entry for each request at most, so connections
/// bound it.
#[derive(Default)]
struct Queue {
    waiting: Waiting,
    /// Whether a task is at work, which looks here before it ends.
    busy: bool,
}

type Waiting = HashMap<KeyHash, Vec<oneshot::Sender<Answer>>>;
type Answer = Result<Option<FoundKey>, CheckError>;

/// Why nobody can tell whose a key is.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum CheckError {
    /// The database did not say.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// It took too long to say.
    #[error("the API key lookup timed out after {} s", .0.as_secs())]
    Slow(Duration),
    /// The task that was to ask is gone: it panicked, or the runtime is ending.
    #[error("the API key lookup was aborted")]
    GivenUp,
}

impl Checks {
    pub(super) fn new(keys: PgKeys, patience: Duration, outage: Duration) -> Self {
        let (queue, asked) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Inner { keys, patience, outage, queue, asked }))
    }

    /// How many questions were put so far.
    pub(super) fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// The key with this hash, active or not.
    pub(super) async fn find(&self, hash: KeyHash) -> Answer {
        let (sender, receiver) = oneshot::channel();
        if self.0.enter(hash, sender) {
            // A task of its own, because a request may be dropped in the middle of waiting, and
            // others wait for the same answer.
            tokio::spawn(work(Turn(Arc::clone(&self.0))));
        }
        receiver.await.unwrap_or(Err(CheckError::GivenUp))
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("asked", &self.asked()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Joins those who wait; true when there is nobody yet to ask for them.
    fn enter(&self, hash: KeyHash, sender: oneshot::Sender<Answer>) -> bool {
        let mut queue = self.queue();
        queue.waiting.entry(hash).or_default().push(sender);
        !std::mem::replace(&mut queue.busy, true)
    }

    /// Takes those who wait; with nobody waiting the work is over.
    fn take(&self) -> Option<Waiting> {
        let mut queue = self.queue();
        queue.busy = !queue.waiting.is_empty();
        queue.busy.then(|| std::mem::take(&mut queue.waiting))
    }

    /// Takes those who wait, with the work to go on.
    fn gathered(&self) -> Waiting {
        std::mem::take(&mut self.queue().waiting)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to ask. Whoever still waits when it is dropped is told so instead of waiting for ever.
struct Turn(Arc<Inner>);

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Dropping the senders tells those who wait; who comes now starts anew.
            *self.0.queue() = Queue::default();
        }
    }
}

async fn work(turn: Turn) {
    let inner = &*turn.0;
    while let Some(waiting) = inner.take() {
        let hashes: Vec<KeyHash> = waiting.keys().copied().collect();
        inner.asked.fetch_add(1, Ordering::Relaxed);
        let asking = ask(&inner.keys, &hashes, inner.outage);
        let found = tokio::time::timeout(inner.patience, asking).await;
        let failed = match found {
            Ok(Ok(found)) => {
                tell(waiting, found);
                continue;
            }
            Ok(Err(error)) => CheckError::Store(Arc::new(error)),
            Err(_) => CheckError::Slow(inner.patience),
        };
        tell_all(waiting, &failed);
        // Those who came meanwhile would wait as long again to hear the same.
        tell_all(inner.gathered(), &failed);
    }
}

/// Asks, and asks again while the database is out of reach for the moment: one that restarts is back in
/// a second or two, and nobody needs to hear of it.
async fn ask(
    keys: &PgKeys,
    hashes: &[KeyHash],
    patience: Duration,
) -> Result<FoundKeys, StoreError> {
    let give_up = Instant::now() + patience;
    loop {
        match keys.find_by_hashes(hashes).await {
            Err(error) if error.is_worth_retrying() && Instant::now() + PAUSE < give_up => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

fn tell(waiting: Waiting, mut found: FoundKeys) {
    for (hash, senders) in waiting {
        let answer = found.remove(&hash).transpose();
        let answer = answer.map_err(|error| CheckError::Store(Arc::new(error)));
        send(senders, &answer);
    }
}

fn tell_all(waiting: Waiting, error: &CheckError) {
    for senders in waiting.into_values() {
        send(senders, &Err(error.clone()));
    }
}

fn send(senders: Vec<oneshot::Sender<Answer>>, answer: &Answer) {
    for sender in senders {
        // A request that went away needs no answer.
        drop(sender.send(answer.clone()));
    }
}
