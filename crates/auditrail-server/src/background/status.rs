//! Status of background tasks.

use jiff::Timestamp;

/// Status of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    /// Name of the task.
    pub name: &'static str,
    /// Whether a run is in flight.
    pub running: bool,
    /// Start of the last run.
    pub last_start: Option<Timestamp>,
    /// Outcome of the last completed run.
    pub last_outcome: Option<Outcome>,
    /// Number of runs that succeeded.
    pub succeeded: u64,
    /// Number of runs that returned an error.
    pub failed: u64,
    /// Number of runs that panicked.
    pub panicked: u64,
}

/// Outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The run succeeded.
    Succeeded,
    /// The run returned this error.
    Failed(String),
    /// The run panicked.
    Panicked,
}

impl TaskStatus {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            running: false,
            last_start: None,
            last_outcome: None,
            succeeded: 0,
            failed: 0,
            panicked: 0,
        }
    }

    pub(super) fn start_run(&mut self, now: Timestamp) {
        self.running = true;
        self.last_start = Some(now);
    }

    pub(super) fn end_run(&mut self, outcome: Outcome) {
        self.running = false;
        match outcome {
            Outcome::Succeeded => self.succeeded += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Panicked => self.panicked += 1,
        }
        self.last_outcome = Some(outcome);
    }
}
