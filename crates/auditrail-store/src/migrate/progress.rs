//! What the runner tells while it works.

use std::time::Duration;

use super::blocker::Blocker;
use super::migration::Migration;

/// Something happened that a person watching would want to know.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another runner is at work; this one waits for it.
    WaitingForLock {
        /// Who.
        holder: &'a Blocker,
    },
    /// A step begins.
    Started {
        /// The step.
        migration: &'a Migration,
    },
    /// Somebody holds the table; the step was rolled back and will be tried again.
    Retrying {
        /// The step.
        migration: &'a Migration,
        /// How often it has been tried.
        attempts: u32,
        /// Who holds tables of the schema.
        blockers: &'a [Blocker],
    },
    /// A concurrent index build goes on.
    Building {
        /// The step.
        migration: &'a Migration,
        /// What the server is at, in its words.
        phase: &'a str,
        /// Blocks or sessions done in this phase.
        done: i64,
        /// Out of how many.
        total: i64,
    },
    /// The leftover of an earlier, cut-off build was removed.
    Healed {
        /// The index.
        index: &'a str,
    },
    /// The index a step would build is there already, ready for use.
    FoundReady {
        /// The index.
        index: &'a str,
    },
    /// A step is done.
    Finished {
        /// The step.
        migration: &'a Migration,
        /// How long it took, waiting included.
        took: Duration,
    },
}

/// Where events go.
pub type Progress<'a> = &'a mut (dyn FnMut(Event<'_>) + Send);

/// Takes no notice.
pub fn silent(_: Event<'_>) {}
