//! Counters of a layer.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counts of requests and records since the layer was created.
///
/// Serializes to JSON, for a metrics endpoint of the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditCounts {
    /// Records submitted to the sink, including intents.
    pub recorded: u64,
    /// Requests rejected with 503 because their intent could not be recorded.
    pub refused: u64,
    /// Requests rejected because of an ambiguous path (400) or an unknown target (422), as the policy says.
    pub rejected: u64,
    /// Requests whose record the handler wrote in its own transaction, with
    /// [`AuditHandle::input`](crate::AuditHandle::input).
    pub committed: u64,
    /// Requests without a record because of [`AuditHandle::skip`](crate::AuditHandle::skip).
    pub skipped: u64,
    /// Records with an unknown target id.
    pub unknown_targets: u64,
    /// Requests with an unknown actor because the `actor` callback panicked.
    pub unknown_actors: u64,
    /// Mutating requests that no rule matches.
    pub uncovered: u64,
    /// Requests whose path servers may read in ways that match different rules.
    pub ambiguous: u64,
    /// Records that the sink rejected after the response was sent.
    pub failed: u64,
    /// Requests that this layer ignored because an enclosing layer has another policy.
    pub overruled: u64,
}

/// The counters behind [`AuditCounts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    recorded: AtomicU64,
    refused: AtomicU64,
    rejected: AtomicU64,
    committed: AtomicU64,
    skipped: AtomicU64,
    unknown_targets: AtomicU64,
    unknown_actors: AtomicU64,
    failed: AtomicU64,
    overruled: AtomicU64,
}

impl Counters {
    pub(crate) fn recorded(&self) {
        add(&self.recorded);
    }

    pub(crate) fn refused(&self) -> u64 {
        add(&self.refused)
    }

    pub(crate) fn rejected(&self) {
        add(&self.rejected);
    }

    pub(crate) fn committed(&self) {
        add(&self.committed);
    }

    pub(crate) fn skipped(&self) {
        add(&self.skipped);
    }

    pub(crate) fn unknown_target(&self) {
        add(&self.unknown_targets);
    }

    pub(crate) fn unknown_actor(&self) {
        add(&self.unknown_actors);
    }

    pub(crate) fn failed(&self) -> u64 {
        add(&self.failed)
    }

    pub(crate) fn overruled(&self) -> u64 {
        add(&self.overruled)
    }

    pub(crate) fn read(&self, uncovered: u64, ambiguous: u64) -> AuditCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AuditCounts {
            recorded: read(&self.recorded),
            refused: read(&self.refused),
            rejected: read(&self.rejected),
            committed: read(&self.committed),
            skipped: read(&self.skipped),
            unknown_targets: read(&self.unknown_targets),
            unknown_actors: read(&self.unknown_actors),
            uncovered,
            ambiguous,
            failed: read(&self.failed),
            overruled: read(&self.overruled),
        }
    }
}

/// Increments a counter and returns the new count.
fn add(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}
