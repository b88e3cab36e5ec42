//! How many requests had which outcome.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tlog::NoteSignature;
use tlog::witness::Refusal;

use crate::refused::Refused;

const NAME: &str = "auditrail_witness_requests_total";
/// The outcomes, as the label of the metric has them.
const OUTCOMES: [&str; 8] = [
    "cosigned",
    "malformed",
    "unknown_origin",
    "bad_signature",
    "stale",
    "bad_proof",
    "fork",
    "failed",
];

/// A counter for each outcome.
#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; OUTCOMES.len()]);

impl Counters {
    pub(crate) fn count(&self, outcome: &Result<NoteSignature, Refused>) {
        self.add(match outcome {
            Ok(_) => "cosigned",
            Err(Refused::Invalid(_)) => "malformed",
            Err(Refused::Refusal(refusal)) => of_refusal(refusal),
            Err(_) => "failed",
        });
    }

    /// Counts a body that was too long, or not sent in time.
    pub(crate) fn count_malformed(&self) {
        self.add("malformed");
    }

    /// Counts a request that took too long.
    pub(crate) fn count_failed(&self) {
        self.add("failed");
    }

    fn add(&self, outcome: &str) {
        let counters = OUTCOMES.iter().zip(&self.0);
        counters.filter(|(name, _)| **name == outcome).for_each(|(_, counter)| {
            counter.fetch_add(1, Relaxed);
        });
    }

    /// In the text format of Prometheus.
    pub(crate) fn to_text(&self) -> String {
        let line = |(outcome, counter): (&&str, &AtomicU64)| {
            format!("{NAME}{{outcome=\"{outcome}\"}} {}\n", counter.load(Relaxed))
        };
        let head = format!(
            "# HELP {NAME} Requests to cosign a checkpoint, by outcome.\n# TYPE {NAME} counter\n"
        );
        OUTCOMES.iter().zip(&self.0).map(line).fold(head, |text, line| text + &line)
    }
}

fn of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Checkpoint(_) | Refusal::OldSize { .. } => "malformed",
        Refusal::UnknownOrigin { .. } => "unknown_origin",
        Refusal::Signature(_) => "bad_signature",
        Refusal::Stale { .. } => "stale",
        refusal if refusal.is_fork() => "fork",
        Refusal::Inconsistent(_) => "bad_proof",
    }
}
