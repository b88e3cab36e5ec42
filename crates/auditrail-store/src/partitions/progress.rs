//! Progress events.

use crate::blocker::Blocker;

/// An event of an operation, for display.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step starts.
    Step {
        /// What it does, such as `checking the ids of the table`.
        doing: &'static str,
        /// The table.
        table: &'a str,
    },
    /// Records were copied.
    Copied {
        /// The number of records so far.
        rows: i64,
        /// The estimated number of all.
        total: i64,
    },
    /// Another session holds a lock on the table; the step was rolled back and will be retried.
    Retrying {
        /// What the step does.
        doing: &'static str,
        /// The number of attempts so far.
        attempts: u32,
        /// The sessions that hold locks on tables of the schema.
        blockers: &'a [Blocker],
    },
}

/// A callback that receives events.
pub type Progress<'a> = &'a mut (dyn FnMut(Event<'_>) + Send);

/// Ignores events.
pub fn silent(_: Event<'_>) {}
