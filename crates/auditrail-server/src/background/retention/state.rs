//! What the task did, for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use auditrail_store::RetentionStep;

use crate::clock;

/// What the task did since the start of the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RetentionState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    last_success: AtomicI64,
    records_removed: AtomicU64,
    partitions_replaced: AtomicU64,
    failures: AtomicU64,
}

impl RetentionState {
    /// When no expired record was left, in seconds since 1970; 0 before.
    pub(crate) fn last_success(&self) -> i64 {
        self.0.last_success.load(Ordering::Relaxed)
    }

    /// Records that were removed.
    pub(crate) fn records_removed(&self) -> u64 {
        self.0.records_removed.load(Ordering::Relaxed)
    }

    /// Partitions that were replaced by what stays of them.
    pub(crate) fn partitions_replaced(&self) -> u64 {
        self.0.partitions_replaced.load(Ordering::Relaxed)
    }

    /// Runs that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Counts what a step removed, also if a later one fails.
    pub(super) fn observe(&self, step: &RetentionStep) {
        let records = match step {
            RetentionStep::Exchanged { records, .. } => {
                self.0.partitions_replaced.fetch_add(1, Ordering::Relaxed);
                records
            }
            RetentionStep::Deleted { records, .. } => records,
            _ => return,
        };
        self.0.records_removed.fetch_add(*records, Ordering::Relaxed);
    }

    pub(super) fn succeed(&self) {
        self.0.last_success.store(clock::now().as_second(), Ordering::Relaxed);
    }

    pub(super) fn fail(&self) {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
    }
}
