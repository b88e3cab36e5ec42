//! Flushing, closing and stopping.

use auditrail_core::FailurePolicy;
use tokio::time::Instant;

use super::Ledger;
use super::state::{FlushRequests, Phase};
use crate::recorder::error::RecordError;

impl Ledger {
    pub(in crate::recorder) fn flush_requests(&self) -> FlushRequests {
        self.lock().flush_requests
    }

    /// Makes the workers send without delay until the guard is dropped.
    pub(in crate::recorder) fn expedite(&self) -> ExpediteGuard<'_> {
        let mut state = self.lock();
        state.flush_requests.active += 1;
        state.flush_requests.total += 1;
        drop(state);
        self.wake();
        ExpediteGuard(self)
    }

    /// Waits until no record is pending or the deadline has passed.
    pub(in crate::recorder) async fn drained(&self, deadline: Instant) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let pending = self.lock().counters.stats().pending;
            if pending == 0 || tokio::time::timeout_at(deadline, settled).await.is_err() {
                return;
            }
        }
    }

    /// Rejects new records from now on.
    pub(in crate::recorder) fn close(&self) {
        let mut state = self.lock();
        state.phase = state.phase.max(Phase::Closing);
    }

    /// Stops sending and drops the queued records. Records in flight to the disk are not dropped.
    pub(in crate::recorder) fn stop(&self) {
        self.change(|state, notices| {
            state.phase = Phase::Stopped;
            for policy in [FailurePolicy::Must, FailurePolicy::BestEffort] {
                for (_, item) in state.queue(policy).drain() {
                    state.release(&item);
                    let error = item.spool_error.clone().unwrap_or(RecordError::Closed);
                    notices.push(state.fail(item, error));
                }
            }
        });
        self.wake();
    }

    /// Drops the records that did not reach the spool before it was closed.
    pub(in crate::recorder) fn stop_spooling(&self) {
        self.change(|state, notices| {
            for (_, item) in state.spooling.drain() {
                state.release(&item);
                notices.push(state.fail(item, RecordError::Closed));
            }
        });
    }

    /// Whether sending has stopped.
    pub(in crate::recorder) fn is_stopped(&self) -> bool {
        self.lock().phase == Phase::Stopped
    }
}

/// A flush in progress; also ends when the caller is cancelled.
pub(in crate::recorder) struct ExpediteGuard<'a>(&'a Ledger);

impl Drop for ExpediteGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.flush_requests.active = state.flush_requests.active.saturating_sub(1);
        drop(state);
        self.0.wake();
    }
}
