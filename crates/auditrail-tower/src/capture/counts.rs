//! What became of the requests.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What became of the requests since the layer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditCounts {
    /// Records given to the sink, intents among them.
    pub recorded: u64,
    /// Requests that were refused because their intent could not be written.
    pub refused: u64,
    /// Requests that a handler took out with [`AuditHandle::skip`](crate::AuditHandle::skip).
    pub skipped: u64,
    /// Records whose target id was not found.
    pub unknown_targets: u64,
    /// Requests whose actor could not be told, because what tells it panicked.
    pub unknown_actors: u64,
    /// Mutating requests that no rule is about.
    pub uncovered: u64,
    /// Records after the answer that the sink did not take on.
    pub failed: u64,
    /// Requests that this layer's policy was not asked about, because a layer around it has another one.
    pub overruled: u64,
}

impl AuditCounts {
    /// The counts in the text format of Prometheus, as `auditrail_layer_…_total`.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let Self {
            recorded,
            refused,
            skipped,
            unknown_targets,
            unknown_actors,
            uncovered,
            failed,
            overruled,
        } = *self;
        let lines = [
            ("recorded", "Records given to the sink, intents among them", recorded),
            ("refused", "Requests refused because their intent could not be written", refused),
            ("skipped", "Requests that a handler took out", skipped),
            ("unknown_targets", "Records whose target id was not found", unknown_targets),
            ("unknown_actors", "Requests whose actor could not be told", unknown_actors),
            ("uncovered", "Mutating requests that no rule is about", uncovered),
            ("failed", "Records after the answer that the sink did not take on", failed),
            ("overruled", "Requests that a layer around this one decided about", overruled),
        ];
        let mut text = String::new();
        for (name, help, value) in lines {
            let name = format!("auditrail_layer_{name}_total");
            // Writing to a String cannot fail.
            let written =
                write!(text, "# HELP {name} {help}.\n# TYPE {name} counter\n{name} {value}\n");
            debug_assert!(written.is_ok());
        }
        text
    }
}

/// The counters behind them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    recorded: AtomicU64,
    refused: AtomicU64,
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

    pub(crate) fn read(&self, uncovered: u64) -> AuditCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AuditCounts {
            recorded: read(&self.recorded),
            refused: read(&self.refused),
            skipped: read(&self.skipped),
            unknown_targets: read(&self.unknown_targets),
            unknown_actors: read(&self.unknown_actors),
            uncovered,
            failed: read(&self.failed),
            overruled: read(&self.overruled),
        }
    }
}

/// Counts one, and gives the new count.
fn add(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}
