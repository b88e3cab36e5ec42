//! The task that compares the records with the transparency log.

use std::time::Duration;

use auditrail_core::Backoff;
use auditrail_store::StoreError;
use auditrail_store::tree::{Checked, Checker};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::Sequencing;
use crate::background::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::CHECKER_YIELD;

/// Most differences that are logged for each step.
const LOGGED_MAX: usize = 10;
/// The pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// Compares the records with the log, a thousand in a step, at a small share of the time of a connection, while this
/// server is the active one.
pub(super) struct CheckerTask {
    /// Locked by the run.
    checker: Mutex<Checker>,
    status: Sequencing,
    /// Pause before the first pass and between two passes.
    apart: Duration,
}

impl CheckerTask {
    pub(super) fn new(checker: Checker, status: Sequencing, apart: Duration) -> Self {
        Self { checker: Mutex::new(checker), status, apart }
    }

    async fn run(&self) {
        let mut checker = self.checker.lock().await;
        let mut failures = 0;
        loop {
            sleep(self.apart).await;
            if !self.status.status().is_active {
                continue;
            }
            // Without it the pass compares the rows with each other.
            let root = checker.stored_root().await.ok().flatten();
            checker.restart(root.into_iter().collect());
            let mut differences = 0;
            loop {
                let began = clock::monotonic();
                match self.step(&mut checker, &mut differences).await {
                    Ok(true) => break,
                    Ok(false) => {
                        failures = 0;
                        sleep(began.elapsed() * CHECKER_YIELD).await;
                    }
                    Err(error) => {
                        note_failure(&error, failures);
                        sleep(BACKOFF.pause(failures, clock::random_fraction())).await;
                        failures = failures.saturating_add(1);
                    }
                }
            }
        }
    }

    /// Does a step; whether it was the last one of the pass.
    async fn step(&self, checker: &mut Checker, differences: &mut u64) -> Result<bool, StoreError> {
        let checked = checker.step().await?;
        report(&checked);
        *differences += checked.findings.len() as u64;
        let (found, now) = (*differences, clock::monotonic());
        self.status.change(|status| {
            status.checked += checked.entries;
            status.differences = if checked.is_end { found } else { status.differences.max(found) };
            if checked.is_end {
                status.checked_at = Some(now);
            }
        });
        if checked.is_end {
            tracing::info!(
                entries = checked.size,
                differences = found,
                "the records were compared with the transparency log"
            );
        }
        Ok(checked.is_end)
    }
}

fn report(checked: &Checked) {
    for finding in checked.findings.iter().take(LOGGED_MAX) {
        tracing::error!(
            %finding,
            "the database differs from the transparency log: see \"Differences\" in docs/operations.md"
        );
    }
    let others = checked.findings.len().saturating_sub(LOGGED_MAX);
    if others > 0 {
        tracing::error!(differences = others, "further differences");
    }
}

fn note_failure(error: &StoreError, failures: u32) {
    // The sequencer reports an outage.
    if failures == 0 && !error.is_worth_retrying() {
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, source, "records cannot be compared with the transparency log");
    }
}

impl Task for CheckerTask {
    fn name(&self) -> &'static str {
        "checker"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Once
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(async move {
            tokio::select! {
                () = self.run() => {}
                () = stop.requested() => {}
            }
            self.checker.lock().await.close().await;
            Ok(())
        })
    }
}
