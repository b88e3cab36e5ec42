//! Progress events of a run.

use std::time::Duration;

use super::blocker::Blocker;
use super::migration::Migration;

/// An event of a run, for display.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another runner holds the lock; this one waits for it.
    WaitingForLock {
        /// The session that holds the lock.
        holder: &'a Blocker,
    },
    /// A step starts.
    Started {
        /// The step.
        migration: &'a Migration,
    },
    /// Another session holds a lock on the table; the step was rolled back and will be retried.
    Retrying {
        /// The step.
        migration: &'a Migration,
        /// The number of attempts so far.
        attempts: u32,
        /// The sessions that hold locks on tables of the schema.
        blockers: &'a [Blocker],
    },
    /// A concurrent index build is in progress.
    Building {
        /// The step.
        migration: &'a Migration,
        /// The phase, as the server names it.
        phase: &'a str,
        /// Blocks or sessions processed in this phase.
        done: i64,
        /// Their total number.
        total: i64,
    },
    /// An invalid index, left by an interrupted build, was dropped.
    Healed {
        /// The index.
        index: &'a str,
    },
    /// The index of a step already exists and is valid.
    FoundReady {
        /// The index.
        index: &'a str,
    },
    /// A step is complete.
    Finished {
        /// The step.
        migration: &'a Migration,
        /// Its duration, including waits.
        took: Duration,
    },
}

/// A callback that receives events.
pub type Progress<'a> = &'a mut (dyn FnMut(Event<'_>) + Send);

/// Ignores events.
pub fn silent(_: Event<'_>) {}
