//! Removal of the records that no rule of retention keeps.

mod state;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auditrail_core::Actor;
use auditrail_store::archive::ArchiveDir;
use auditrail_store::{
    RetentionDue, RetentionError, RetentionOptions, RetentionReport, RetentionRun, RetentionStep,
    RunLimits,
};
use futures_util::future::BoxFuture;

use super::{PartitionState, Schedule, StopSignal, Task, TaskError};
use crate::clock;
pub(crate) use state::RetentionState;

/// Time from the start to the first run, and from a change of a rule until it has an effect: a rule that is wrong can
/// be corrected meanwhile.
const SETTLED: Duration = Duration::from_secs(300);
/// Pause between two runs. The shortest time for which a rule keeps records is seven days.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// Pause before the next attempt if something remains to be done.
const RETRY: Duration = Duration::from_secs(60);
/// How long a run goes on while far too many partitions are attached, which only merges make fewer. A run closes the
/// hot partition itself. What it was doing with a partition starts again in the next run, so it ends for nothing less.
const TURN: Duration = Duration::from_secs(60);

/// Removes expired records, in the one process that gets the lock.
pub(crate) struct Retention {
    run: RetentionRun,
    archive_dir: Option<PathBuf>,
    state: RetentionState,
    partitions: PartitionState,
    /// See [`TURN`].
    turn: Duration,
    /// Whether the next attempt is to come soon.
    is_unfinished: AtomicBool,
    /// Whether the log says already that the role is not the owner.
    is_reported: AtomicBool,
}

impl Retention {
    pub(crate) fn new(
        run: RetentionRun,
        archive_dir: Option<PathBuf>,
        state: RetentionState,
        partitions: PartitionState,
    ) -> Self {
        let (is_unfinished, is_reported) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { run, archive_dir, state, partitions, turn: TURN, is_unfinished, is_reported }
    }

    async fn run_once(&self, stop: &StopSignal) -> Result<(), TaskError> {
        self.is_unfinished.store(false, Ordering::Relaxed);
        let due = tokio::select! {
            due = self.run.due(SETTLED) => due?,
            () = stop.requested() => return Ok(()),
        };
        match due {
            RetentionDue::Nothing => self.state.succeed(),
            RetentionDue::Settling => self.is_unfinished.store(true, Ordering::Relaxed),
            RetentionDue::Run => {
                let archive = self.archive().await?;
                let outcome = self.remove(archive, stop).await;
                self.conclude(outcome)?;
            }
        }
        Ok(())
    }

    /// The archive directory, which must exist at each run: a file system may not be mounted.
    async fn archive(&self) -> Result<Option<ArchiveDir>, TaskError> {
        let Some(path) = self.archive_dir.clone() else { return Ok(None) };
        let open = tokio::task::spawn_blocking(move || ArchiveDir::open(&path));
        Ok(Some(open.await??))
    }

    /// Does a run, which ends between two steps at a shutdown, and to let partitions be merged.
    async fn remove(
        &self,
        archive: Option<ArchiveDir>,
        stop: &StopSignal,
    ) -> Result<RetentionReport, RetentionError> {
        let started = clock::monotonic();
        // Set when the run has to end early, so that the rest is done soon.
        let is_turn_over = || {
            let elapsed = clock::monotonic().duration_since(started);
            let is_over = elapsed >= self.turn && self.partitions.are_far_too_many();
            self.is_unfinished.fetch_or(is_over, Ordering::Relaxed);
            is_over
        };
        let options = RetentionOptions {
            by: Actor::System,
            archive,
            stop: &|| stop.is_requested() || is_turn_over(),
            on_step: &mut |step| self.observe(&step),
            limits: RunLimits::default(),
        };
        self.run.run(options).await
    }

    fn observe(&self, step: &RetentionStep) {
        if let RetentionStep::Closed { partition } = step {
            tracing::info!(partition, "closed a partition");
        }
        self.state.observe(step);
    }

    fn conclude(&self, outcome: Result<RetentionReport, RetentionError>) -> Result<(), TaskError> {
        match outcome {
            Ok(report) => {
                if report.run_id.is_some() || report.completed_runs > 0 {
                    tracing::info!(
                        records = report.records,
                        archives = report.archives.len(),
                        interrupted_runs = report.completed_runs,
                        "removed expired records"
                    );
                }
                if report.postponed.is_empty() {
                    self.state.succeed();
                } else {
                    let partitions = report.postponed.join(", ");
                    tracing::info!(partitions, "some expired records are left to the next run");
                }
            }
            // Another process does it or changes partitions, or the rules are new.
            Err(RetentionError::Busy | RetentionError::RulesChanged) => {
                self.is_unfinished.store(true, Ordering::Relaxed);
            }
            Err(error @ RetentionError::NotOwner { .. }) => self.report(&error),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn report(&self, error: &RetentionError) {
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                reason = %error,
                "expired records are not removed by this process; set AUDITRAIL_MAINTENANCE_DATABASE_URL, \
                 or run `auditrail retention run --yes` every day and set AUDITRAIL_RETENTION=false"
            );
        }
    }
}

impl Task for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn schedule(&self) -> Schedule {
        let then = if self.is_unfinished.load(Ordering::Relaxed) { RETRY } else { INTERVAL };
        Schedule::Delayed { first: SETTLED, then }
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        Box::pin(async move {
            let outcome = self.run_once(stop).await;
            if outcome.is_err() {
                self.state.fail();
            }
            outcome
        })
    }
}
