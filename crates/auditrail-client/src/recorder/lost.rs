//! Telling of records that are lost, and of trouble.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::config::OnLost;
use super::error::{DropReason, RecordError};
use crate::clock;
use crate::error::ClientError;

/// A record that will not reach the service any more.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lost<'a> {
    /// The record as JSON text. Absent where it was never put together.
    pub record: Option<&'a str>,
    /// Why it was given up; `None` when the service refused it.
    pub reason: Option<DropReason>,
    /// Why, to match on: the reason, or the code of the service.
    pub code: &'a str,
    /// Why, for people.
    pub detail: &'a str,
}

/// Most often a log line of one kind is written. What came in between is counted in the next.
const QUIET: Duration = Duration::from_secs(10);

/// Tells the callback of each lost record, and the log of some of them.
pub(super) struct Teller {
    on_lost: Option<OnLost>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    last: Option<Instant>,
    untold: u64,
    failing: bool,
}

impl Teller {
    pub(super) fn new(on_lost: Option<OnLost>) -> Self {
        Self { on_lost, log: Mutex::default() }
    }

    /// A record is lost. What the record says is not logged: it may be personal.
    pub(super) fn lost(&self, record: Option<&[u8]>, error: &RecordError) {
        if let Some(told) = &self.on_lost {
            let detail = error.to_string();
            let record = record.and_then(|text| std::str::from_utf8(text).ok());
            let (reason, code) = (error.reason(), error.code());
            let lost = Lost { record, reason, code, detail: &detail };
            if catch_unwind(AssertUnwindSafe(|| told(&lost))).is_err() {
                tracing::error!("the callback for lost audit records panicked");
            }
        }
        if let Some(untold) = self.may_log() {
            let (code, others) = (error.code(), untold);
            tracing::warn!(code, others, "an audit record is lost");
        }
    }

    /// A record was pushed out by one that matters more.
    pub(super) fn displaced(&self, record: &[u8]) {
        if let Some(told) = &self.on_lost {
            let record = std::str::from_utf8(record).ok();
            let reason = DropReason::Displaced;
            let detail = "a record that somebody vouches for needed the room";
            let lost = Lost { record, reason: Some(reason), code: reason.as_str(), detail };
            if catch_unwind(AssertUnwindSafe(|| told(&lost))).is_err() {
                tracing::error!("the callback for lost audit records panicked");
            }
        }
        if let Some(others) = self.may_log() {
            tracing::warn!(code = "displaced", others, "an audit record is lost");
        }
    }

    /// Delivery failed, or works; logged when it changes, not at each try.
    pub(super) fn trouble(&self, error: Option<&ClientError>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.failing == error.is_some() {
            return;
        }
        log.failing = error.is_some();
        drop(log);
        match error {
            Some(error) => {
                let source = std::error::Error::source(error).map(ToString::to_string);
                let code = error.code();
                tracing::warn!(code, %error, source, "audit records cannot be delivered");
            }
            None => tracing::info!("audit records are delivered again"),
        }
    }

    /// How many lines were left out, when one may be written.
    fn may_log(&self) -> Option<u64> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::monotonic();
        if log.last.is_some_and(|last| now < last + QUIET) {
            log.untold += 1;
            return None;
        }
        log.last = Some(now);
        Some(std::mem::take(&mut log.untold))
    }
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Teller").field("log", &self.log).finish_non_exhaustive()
    }
}
