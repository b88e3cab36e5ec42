//! Being in a hurry, and coming to an end.

use auditrail_core::FailurePolicy;
use tokio::time::Instant;

use super::Ledger;
use super::state::{Hurries, Phase};
use crate::recorder::error::RecordError;

impl Ledger {
    /// Who is in a hurry.
    pub(in crate::recorder) fn hurries(&self) -> Hurries {
        self.lock().hurries
    }

    /// Starts, or ends, being in a hurry.
    pub(in crate::recorder) fn hurry(&self, on: bool) {
        let mut state = self.lock();
        if on {
            state.hurries.now += 1;
            state.hurries.ever += 1;
        } else {
            state.hurries.now = state.hurries.now.saturating_sub(1);
        }
        drop(state);
        self.wake();
    }

    /// Waits until nothing is pending, at most until then.
    pub(in crate::recorder) async fn empty(&self, deadline: Instant) {
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

    /// From now on no record is taken on.
    pub(in crate::recorder) fn close(&self) {
        let mut state = self.lock();
        state.phase = state.phase.max(Phase::Closing);
    }

    /// From now on nothing is sent: what waits in memory is given up. What is on its way to the disk is not.
    pub(in crate::recorder) fn end(&self) {
        self.change(|state, told| {
            state.phase = Phase::Ended;
            for lane in [FailurePolicy::Must, FailurePolicy::BestEffort] {
                for (_, item) in state.waiting(lane).drain() {
                    state.forget(&item);
                    let error = item.otherwise.clone().unwrap_or(RecordError::Closed);
                    told.push(state.lose(item, error));
                }
            }
        });
        self.wake();
    }

    /// The disk is closed: what was on its way there and came too late is given up.
    pub(in crate::recorder) fn end_spooling(&self) {
        self.change(|state, told| {
            for (_, item) in state.spooling.drain() {
                state.forget(&item);
                told.push(state.lose(item, RecordError::Closed));
            }
        });
    }

    /// Whether nothing is sent any more.
    pub(in crate::recorder) fn ended(&self) -> bool {
        self.lock().phase == Phase::Ended
    }
}
