//! The task that gives records their seq.

use std::time::{Duration, Instant};

use auditrail_core::Backoff;
use auditrail_store::StoreError;
use auditrail_store::sequencer::{Advance, Sequencer, Step};
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

use super::Sequencing;
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{
    SEQUENCER_LARGE_ROUND, SEQUENCER_LARGE_ROUNDS_APART, SEQUENCER_POLL, SEQUENCER_ROUNDS_APART,
    SEQUENCER_SLOW_LOOK, SEQUENCER_STANDBY, SEQUENCER_STOP_GRACE,
};

/// The pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// Sequences until it is stopped.
pub(super) struct SequencerTask {
    /// Locked by the run.
    sequencer: Mutex<Sequencer>,
    commits: Option<watch::Receiver<u64>>,
    status: Sequencing,
}

impl SequencerTask {
    pub(super) fn new(
        sequencer: Sequencer,
        commits: Option<watch::Receiver<u64>>,
        status: Sequencing,
    ) -> Self {
        Self { sequencer: Mutex::new(sequencer), commits, status }
    }
}

impl Task for SequencerTask {
    fn name(&self) -> &'static str {
        "sequencer"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Once
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(async move {
            let run = Run {
                sequencer: &mut *self.sequencer.lock().await,
                status: &self.status,
                commits: self.commits.clone(),
                next_seq: None,
                is_active: true,
                sequenced: 0,
                failures: 0,
                recovery: None,
            };
            run.until(stop).await;
            Ok(())
        })
    }
}

/// Completes when the stop has been requested for so long.
async fn requested_for(stop: &StopSignal, grace: Duration) {
    stop.requested().await;
    sleep(grace).await;
}

struct Run<'a> {
    sequencer: &'a mut Sequencer,
    status: &'a Sequencing,
    commits: Option<watch::Receiver<u64>>,
    /// The seq that this server saw last; another one has sequenced if it changes.
    next_seq: Option<i64>,
    is_active: bool,
    /// Records of the last round.
    sequenced: usize,
    /// Consecutive failures.
    failures: u32,
    recovery: Option<Recovery>,
}

/// The recovery in progress.
struct Recovery {
    began: Instant,
    records: usize,
}

impl Run<'_> {
    async fn until(mut self, stop: &StopSignal) {
        loop {
            // A step that is dropped is committed or not, and the next one continues either way.
            let outcome = tokio::select! {
                outcome = self.sequence(stop) => outcome,
                () = requested_for(stop, SEQUENCER_STOP_GRACE) => break,
            };
            match outcome {
                Ok(()) => self.note_success(),
                Err(error) => self.note_failure(&error),
            }
            self.status.change(|status| status.is_active = self.is_active && self.failures == 0);
            tokio::select! {
                biased;
                () = stop.requested() => break,
                () = self.pause() => {}
            }
        }
        self.status.change(|status| status.is_active = false);
        self.sequencer.close().await;
    }

    /// Gives a seq to the records that wait for one, if this server is the active one.
    async fn sequence(&mut self, stop: &StopSignal) -> Result<(), StoreError> {
        let began = clock::monotonic();
        let look = self.sequencer.look().await?;
        self.status.looked(look, began);
        let is_other = self.next_seq.replace(look.next_seq).is_some_and(|own| own != look.next_seq);
        if is_other {
            self.is_active = false;
        } else if look.has_more || began.elapsed() >= SEQUENCER_SLOW_LOOK {
            self.is_active = self.round(stop).await?;
        }
        Ok(())
    }

    /// Completes a round. Returns `false` if another server is at it.
    async fn round(&mut self, stop: &StopSignal) -> Result<bool, StoreError> {
        // Not of a round that was begun before.
        let mut began = None;
        self.sequenced = 0;
        while !stop.is_requested() {
            let now = clock::monotonic();
            let Step::Advanced(advance) = self.sequencer.step().await? else { return Ok(false) };
            self.next_seq = Some(advance.next_seq);
            self.sequenced += advance.sequenced;
            self.note_recovery(advance, now);
            let began = *began.get_or_insert(now);
            self.status.change(|status| status.advanced(advance, Some(began)));
            self.status.advance_to(advance.next_seq);
            if advance.is_complete {
                break;
            }
        }
        Ok(true)
    }

    /// Waits until there may be something to do.
    async fn pause(&mut self) {
        if let Some(retries) = self.failures.checked_sub(1) {
            return sleep(BACKOFF.pause(retries, clock::random_fraction())).await;
        }
        if !self.is_active {
            return sleep(SEQUENCER_STANDBY.mul_f64(0.75 + clock::random_fraction() / 2.0)).await;
        }
        let apart = if self.sequenced < SEQUENCER_LARGE_ROUND {
            SEQUENCER_ROUNDS_APART
        } else {
            SEQUENCER_LARGE_ROUNDS_APART
        };
        sleep(apart).await;
        let poll = sleep(SEQUENCER_POLL.saturating_sub(apart));
        match &mut self.commits {
            Some(commits) => tokio::select! {
                // An error means that the writer is closed.
                Ok(()) = commits.changed() => {}
                () = poll => {}
            },
            None => poll.await,
        }
    }

    fn note_recovery(&mut self, advance: Advance, now: Instant) {
        if !advance.is_recovery {
            return;
        }
        let recovery = self.recovery.get_or_insert_with(|| {
            tracing::info!(
                next_seq = advance.next_seq,
                "the sequence is recovered: the database is new to the sequencer, or was restored"
            );
            Recovery { began: now, records: 0 }
        });
        recovery.records += advance.sequenced;
        if advance.is_complete {
            let seconds = now.saturating_duration_since(recovery.began).as_secs_f64();
            tracing::info!(
                records = recovery.records,
                seconds,
                next_seq = advance.next_seq,
                "the sequence was recovered"
            );
            self.recovery = None;
        }
    }

    fn note_success(&mut self) {
        if self.failures > 0 {
            tracing::info!("records are sequenced again");
        }
        self.failures = 0;
    }

    fn note_failure(&mut self, error: &StoreError) {
        if self.failures == 0 {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(%error, source, "records are not sequenced; retrying");
        }
        self.failures = self.failures.saturating_add(1);
        // Its last step may have been committed.
        self.next_seq = None;
        self.status.change(|status| status.failures += 1);
    }
}
