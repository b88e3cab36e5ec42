//! Background work: tasks with a schedule, a status and an ordered stop.
//!
//! A [`Task`] does one run at a time; [`Background`] decides when. A run that fails or panics is logged,
//! counted, and does not end the task. [`Background::stop`] stops the tasks in the reverse order of their
//! start and waits for runs in flight, so a task can rely on those that were started before it.
//!
//! Deliberately absent: persistence of the schedule, and coordination between processes. A task that must
//! run in one process only has to elect it by a lock in the database.

mod driver;
mod from_fn;
mod partitions;
mod rate_limit_cleanup;
mod retention;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use driver::{Background, TaskHandle};
pub use from_fn::from_fn;
pub(crate) use partitions::{PartitionMaintenance, PartitionState};
pub(crate) use rate_limit_cleanup::RateLimitCleanup;
pub(crate) use retention::{Retention, RetentionState};
pub use status::{Outcome, TaskStatus};

/// Why a run failed.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// Work that runs beside the requests.
pub trait Task: Send + Sync + 'static {
    /// Name in logs and metrics: lower case, with underscores, unique in the process.
    fn name(&self) -> &'static str;

    /// When the task runs.
    fn schedule(&self) -> Schedule;

    /// Does one run. A long run should end early when `stop` is requested; one that does not is waited
    /// for, and aborted at the end of the grace period.
    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>>;
}

/// When a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At the start, and again after a pause until a run succeeds.
    Once,
    /// At the start, and then with this pause between two runs. [`TaskHandle::wake`] ends a pause early.
    Every(Duration),
    /// After the pause `first`, and then with the pause `then` between two runs. [`TaskHandle::wake`] ends a pause
    /// early.
    Delayed {
        /// The pause before the first run.
        first: Duration,
        /// The pause between two runs.
        then: Duration,
    },
    /// Whenever [`TaskHandle::wake`] was called. Calls during a run cause one more run.
    OnWake,
}

/// Whether a task is to stop.
#[derive(Clone, Debug)]
pub struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Completes when the task is to stop.
    pub async fn requested(&self) {
        // An error means that the driver is gone, which is a request to stop too.
        drop(self.0.clone().wait_for(|stop| *stop).await);
    }

    /// Whether the task is to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
