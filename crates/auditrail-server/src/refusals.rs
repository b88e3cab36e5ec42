//! Counts and logs the records that the service refuses.
//!
//! A batch with `on_invalid=skip` is answered with 200 although some of its records are refused, and a client
//! that delivers in the background may hide a refusal. The operator sees them here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::clock;

/// The label of codes that are not listed below, which a test prevents.
const OTHER: &str = "other";

/// The codes of refused records.
const CODES: [&str; 22] = [
    "bad_format",
    "control_character",
    "duplicate_field",
    "empty",
    "id_conflict",
    "in_future",
    "not_json",
    "number_out_of_range",
    OTHER,
    "other_tenant",
    "out_of_range",
    "rejected_by_database",
    "required",
    "reserved_action",
    "system_actor_id",
    "too_deep",
    "too_large",
    "too_long",
    "unknown_field",
    "unknown_value",
    "unstorable_text",
    "wrong_type",
];

/// Minimum interval between log lines of one code, so that a client cannot flood the log.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Counts refused records by code, and logs each code at most once per second. Clones share their values.
#[derive(Clone, Debug)]
pub(crate) struct Refusals {
    counters: Family<Labels, Counter>,
    lines: Arc<Mutex<BTreeMap<&'static str, Line>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    code: &'static str,
}

/// The log line of a code.
#[derive(Debug, Default)]
struct Line {
    last: Option<Instant>,
    /// Records refused since the last line.
    records: u64,
}

impl Refusals {
    /// Starts at zero.
    pub(crate) fn new() -> Self {
        let refusals = Self { counters: Family::default(), lines: Arc::default() };
        for code in CODES {
            drop(refusals.counters.get_or_create(&Labels { code }));
        }
        refusals
    }

    /// The counters, to register them.
    pub(crate) fn counters(&self) -> impl prometheus_client::registry::Metric + use<> {
        self.counters.clone()
    }

    /// Whether this is the code of a refused record, and not only that of a failed request.
    pub(crate) fn is_code(code: &str) -> bool {
        CODES.contains(&code)
    }

    /// Reports that so many records of a caller were refused with this code.
    pub(crate) fn report(&self, key_id: &str, code: &str, records: u64) {
        let code = CODES.into_iter().find(|known| *known == code).unwrap_or(OTHER);
        self.counters.get_or_create(&Labels { code }).inc_by(records);
        if let Some(records) = self.due_line(code, records, clock::monotonic()) {
            tracing::warn!(code, records, key_id, "records refused");
        }
    }

    /// The number of records since the last line of this code if a line may be written now, else `None`.
    fn due_line(&self, code: &'static str, records: u64, now: Instant) -> Option<u64> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(code).or_default();
        line.records += records;
        if line.last.is_some_and(|last| now < last + LOG_INTERVAL) {
            return None;
        }
        line.last = Some(now);
        Some(std::mem::take(&mut line.records))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_record_vectors_has_a_series() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/record-vectors.json");
        let vectors = std::fs::read(path).unwrap_or_default();
        let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap_or_default();
        let mut codes = std::collections::BTreeSet::new();
        for case in vectors["cases"].as_array().into_iter().flatten() {
            for error in case["errors"].as_array().into_iter().flatten() {
                codes.insert(error["code"].as_str().unwrap_or_default());
            }
        }
        assert!(codes.len() > 10, "{codes:?}");
        let missing: Vec<_> = codes.iter().filter(|code| !Refusals::is_code(code)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn each_code_is_logged_once_per_second_with_the_count() {
        let refusals = Refusals::new();
        let start = clock::monotonic();
        let due = |code, records, millis| {
            refusals.due_line(code, records, start + Duration::from_millis(millis))
        };
        assert_eq!(due("empty", 2, 0), Some(2));
        assert_eq!(due("empty", 3, 10), None);
        assert_eq!(due("too_long", 1, 20), Some(1));
        assert_eq!(due("empty", 4, 999), None);
        assert_eq!(due("empty", 1, 1_000), Some(8));
    }
}
