//! Reports of lost records, to the callback and to the log.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{DropReason, RecordError};
use crate::clock;

/// The callback for lost records.
pub(super) type OnLost = Arc<dyn Fn(&Lost<'_>) + Send + Sync>;

/// A record that will not be delivered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lost<'a> {
    /// The record as JSON text; `None` when it could not be encoded.
    pub record: Option<&'a str>,
    /// Why the recorder dropped it; `None` when the service rejected it.
    pub reason: Option<DropReason>,
    /// A stable code: the error code of the service or of the first invalid field, else the reason.
    pub code: &'a str,
    /// A human-readable explanation.
    pub detail: &'a str,
}

/// Minimum interval between log lines of one kind. The next line counts the suppressed ones.
const LOG_INTERVAL: Duration = Duration::from_secs(600);
/// Maximum number of kinds; further ones share one. Bounds the memory when a service invents codes.
const KINDS_MAX: usize = 64;
/// Maximum characters of an explanation in the log.
const DETAIL_MAX_CHARS: usize = 500;

/// Reports every lost record to the callback. Each kind of loss is logged when it first occurs, and then at
/// most once in ten minutes.
pub(super) struct LossReporter {
    on_lost: Option<OnLost>,
    kinds: Mutex<BTreeMap<String, Kind>>,
}

/// The log lines of one kind of loss.
#[derive(Debug)]
struct Kind {
    last: Instant,
    suppressed: u64,
}

impl LossReporter {
    pub(super) fn new(on_lost: Option<OnLost>) -> Self {
        Self { on_lost, kinds: Mutex::default() }
    }

    /// Reports a lost record. Its contents are not logged: they may be personal data.
    pub(super) fn lost(&self, record: Option<&[u8]>, error: &RecordError) {
        self.report(record, error.reason(), error.code(), &error.to_string());
    }

    /// Reports a `best_effort` record that was evicted for a `must` or `spool` record.
    pub(super) fn displaced(&self, record: &[u8]) {
        let reason = DropReason::Displaced;
        let detail = "evicted from the full queue by a `must` or `spool` record";
        self.report(Some(record), Some(reason), reason.as_str(), detail);
    }

    fn report(&self, record: Option<&[u8]>, reason: Option<DropReason>, code: &str, detail: &str) {
        if let Some(on_lost) = &self.on_lost {
            let record = record.and_then(|text| std::str::from_utf8(text).ok());
            let lost = Lost { record, reason, code, detail };
            if catch_unwind(AssertUnwindSafe(|| on_lost(&lost))).is_err() {
                tracing::error!("the callback for lost audit records panicked");
            }
        }
        let Some(others) = self.suppressed_lines(code) else {
            return;
        };
        let detail: String = detail.chars().take(DETAIL_MAX_CHARS).collect();
        if reason.is_some() {
            tracing::warn!(code, detail, others, "an audit record is lost");
        } else {
            tracing::warn!(code, detail, others, "the service refused an audit record");
        }
    }

    /// The number of suppressed lines of this kind if a line may be written now, else `None`.
    fn suppressed_lines(&self, code: &str) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = kinds.len() < KINDS_MAX || kinds.contains_key(code);
        let code = if is_own { code } else { "other" };
        let now = clock::monotonic();
        let Some(kind) = kinds.get_mut(code) else {
            kinds.insert(code.to_owned(), Kind { last: now, suppressed: 0 });
            return Some(0);
        };
        if now < kind.last + LOG_INTERVAL {
            kind.suppressed += 1;
            return None;
        }
        kind.last = now;
        Some(std::mem::take(&mut kind.suppressed))
    }
}

impl std::fmt::Debug for LossReporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LossReporter").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}
