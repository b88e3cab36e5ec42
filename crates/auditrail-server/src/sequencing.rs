//! Runs the sequencer, its reconciler, the sealer, the signer and the index of words beside the requests.
//!
//! The sequencer runs when the group writer of this process has committed, and polls for records of other writers.
//! Of several servers one is active: a server that finds that another one has sequenced records looks only about
//! once a second, and takes over when records wait and no seq is assigned. The lock of the position, not this, is what
//! makes it safe.

mod checker;
mod pace;
mod reconciler;
mod sealer;
mod sequencer;
mod signer;
mod status;
mod text_index;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use auditrail_signer::Signer;
use auditrail_store::sequencer::{Look, Reconciler, Sequencer};
use auditrail_store::text_index::TextIndexer;
use auditrail_store::tree::{Checker, Sealer, SignerSession};
use tokio::sync::watch;

use crate::background::Background;
use crate::clock;
pub use status::SequencingStatus;

/// What this process knows about the sequence. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Sequencing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    status: Mutex<SequencingStatus>,
    next_seq: watch::Sender<i64>,
}

impl Default for Sequencing {
    fn default() -> Self {
        let status = Mutex::new(SequencingStatus::new(clock::monotonic()));
        Self(Arc::new(Inner { status, next_seq: watch::Sender::new(0) }))
    }
}

impl Sequencing {
    /// Starts the tasks. `commits` is [`GroupWriter::commits`](auditrail_store::GroupWriter::commits), if this
    /// process writes. Call this at most once.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(
        &self,
        background: &Background,
        sequencer: Sequencer,
        reconciler: Reconciler,
        commits: Option<watch::Receiver<u64>>,
    ) {
        background.start(sequencer::SequencerTask::new(sequencer, commits, self.clone()));
        background.start(reconciler::ReconcilerTask::new(reconciler, self.clone()));
    }

    /// Starts the task that adds records to the transparency log. Call this at most once.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_sealer(&self, background: &Background, sealer: Sealer) {
        background.start(sealer::SealerTask::new(sealer, self.clone()));
    }

    /// Starts the task that compares the records with the transparency log, in passes that are so far apart. Call this at
    /// most once.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_checker(&self, background: &Background, checker: Checker, apart: Duration) {
        background.start(checker::CheckerTask::new(checker, self.clone(), apart));
    }

    /// Starts the task that signs checkpoints. Call this at most once.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_signer(&self, background: &Background, signer: Signer, session: SignerSession) {
        background.start(signer::SignerTask::new(signer, session, self.clone()));
    }

    /// Starts the task that indexes words. Call this at most once.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_text_index(&self, background: &Background, indexer: TextIndexer) {
        background.start(text_index::TextIndexTask::new(indexer, self.clone()));
    }

    /// What is known now.
    #[must_use]
    pub fn status(&self) -> SequencingStatus {
        self.lock().clone()
    }

    /// The seq of the next record, whenever this process learns of a higher one: at once if this server is the active
    /// one, else about once a second. 0 before it is known.
    #[must_use]
    pub fn next_seq(&self) -> watch::Receiver<i64> {
        self.0.next_seq.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut SequencingStatus)) {
        change(&mut self.lock());
    }

    /// Adds the result of a look that began at `began`.
    fn looked(&self, look: Look, began: Instant) {
        self.change(|status| status.looked(look, began));
        self.advance_to(look.next_seq);
    }

    fn advance_to(&self, next_seq: i64) {
        // Also to a lower one: a database that lost its newest records.
        self.0.next_seq.send_if_modified(|known| {
            let is_other = *known != next_seq;
            *known = next_seq;
            is_other
        });
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, SequencingStatus> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
