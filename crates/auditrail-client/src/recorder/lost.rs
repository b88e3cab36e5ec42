//! Reports of lost records and of delivery failures, to the callback and to the log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{DropReason, RecordError};
use crate::clock;
use crate::error::ClientError;

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
    /// A stable code: the reason, or the error code of the service.
    pub code: &'a str,
    /// A human-readable explanation.
    pub detail: &'a str,
}

/// Minimum interval between log lines about lost records. Suppressed ones are counted in the next line.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Reports every lost record to the callback and, rate-limited, to the log.
pub(super) struct LossReporter {
    on_lost: Option<OnLost>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    last: Option<Instant>,
    suppressed: u64,
    failing: bool,
}

impl LossReporter {
    pub(super) fn new(on_lost: Option<OnLost>) -> Self {
        Self { on_lost, log: Mutex::default() }
    }

    /// Reports a lost record. Its contents are not logged: they may be personal data.
    pub(super) fn lost(&self, record: Option<&[u8]>, error: &RecordError) {
        self.call_back(record, error.reason(), error.code(), &error.to_string());
        self.log_loss(error.code());
    }

    /// Reports a `best_effort` record that was evicted for a `must` or `spool` record.
    pub(super) fn displaced(&self, record: &[u8]) {
        let reason = DropReason::Displaced;
        let detail = "evicted from the full queue by a `must` or `spool` record";
        self.call_back(Some(record), Some(reason), reason.as_str(), detail);
        self.log_loss(reason.as_str());
    }

    /// Logs when delivery starts to fail and when it recovers, not each attempt.
    pub(super) fn delivery(&self, error: Option<&ClientError>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.failing == error.is_some() {
            return;
        }
        log.failing = error.is_some();
        drop(log);
        if let Some(error) = error {
            let source = std::error::Error::source(error).map(ToString::to_string);
            let code = error.code();
            tracing::warn!(code, %error, source, "audit records cannot be delivered");
        } else {
            tracing::info!("audit records are delivered again");
        }
    }

    fn call_back(
        &self,
        record: Option<&[u8]>,
        reason: Option<DropReason>,
        code: &str,
        detail: &str,
    ) {
        let Some(on_lost) = &self.on_lost else {
            return;
        };
        let record = record.and_then(|text| std::str::from_utf8(text).ok());
        let lost = Lost { record, reason, code, detail };
        if catch_unwind(AssertUnwindSafe(|| on_lost(&lost))).is_err() {
            tracing::error!("the callback for lost audit records panicked");
        }
    }

    fn log_loss(&self, code: &str) {
        if let Some(others) = self.suppressed_lines() {
            tracing::warn!(code, others, "an audit record is lost");
        }
    }

    /// The number of suppressed lines if a line may be written now, else `None`.
    fn suppressed_lines(&self) -> Option<u64> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::monotonic();
        if log.last.is_some_and(|last| now < last + LOG_INTERVAL) {
            log.suppressed += 1;
            return None;
        }
        log.last = Some(now);
        Some(std::mem::take(&mut log.suppressed))
    }
}

impl std::fmt::Debug for LossReporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LossReporter").field("log", &self.log).finish_non_exhaustive()
    }
}
