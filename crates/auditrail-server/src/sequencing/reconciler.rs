//! The task that looks for records without a seq.

use std::time::Instant;

use auditrail_store::StoreError;
use auditrail_store::sequencer::{Checked, Reconciler};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::Sequencing;
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::{RECONCILER_INTERVAL, RECONCILER_PASSES_APART};

/// Most records that are logged for each step.
const LOGGED_MAX: usize = 10;

/// Compares the records with the entries, a few thousand each second, while this server is the active one.
pub(super) struct ReconcilerTask {
    pass: Mutex<Pass>,
    status: Sequencing,
}

/// A comparison of the whole table.
struct Pass {
    reconciler: Reconciler,
    unsequenced: u64,
    /// The end of the last pass.
    ended: Option<Instant>,
}

impl ReconcilerTask {
    pub(super) fn new(reconciler: Reconciler, status: Sequencing) -> Self {
        Self { pass: Mutex::new(Pass { reconciler, unsequenced: 0, ended: None }), status }
    }

    async fn step(&self) -> Result<(), StoreError> {
        let mut pass = self.pass.lock().await;
        let now = clock::monotonic();
        let is_due = pass
            .ended
            .is_none_or(|ended| now.saturating_duration_since(ended) >= RECONCILER_PASSES_APART);
        if !is_due || !self.status.status().is_active {
            return Ok(());
        }
        pass.ended = None;
        let checked = match pass.reconciler.step().await {
            // The sequencer reports an outage.
            Err(error) if error.is_worth_retrying() => return Ok(()),
            checked => checked?,
        };
        report(&checked);
        pass.unsequenced += checked.unsequenced.len() as u64;
        let found = pass.unsequenced;
        self.status.change(|status| {
            status.compared += checked.records as u64;
            status.unsequenced = if checked.is_end { found } else { status.unsequenced.max(found) };
        });
        if checked.is_end {
            pass.unsequenced = 0;
            pass.ended = Some(now);
        }
        Ok(())
    }
}

fn report(checked: &Checked) {
    for record in checked.unsequenced.iter().take(LOGGED_MAX) {
        tracing::error!(
            id = %record.id,
            xact_id = record.xact_id,
            "a record has no seq and will not get one: see \"The order of records\" in docs/operations.md"
        );
    }
    let others = checked.unsequenced.len().saturating_sub(LOGGED_MAX);
    if others > 0 {
        tracing::error!(records = others, "further records have no seq");
    }
}

impl Task for ReconcilerTask {
    fn name(&self) -> &'static str {
        "sequence_reconciler"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every(RECONCILER_INTERVAL)
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(async move {
            tokio::select! {
                outcome = self.step() => Ok(outcome?),
                () = stop.requested() => Ok(()),
            }
        })
    }
}
