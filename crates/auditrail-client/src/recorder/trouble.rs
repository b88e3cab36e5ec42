//! Why records cannot be delivered at present, in the log and in the counters.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use auditrail_core::with_sources;
use jiff::Timestamp;

use super::backoff::{Verdict, verdict};
use crate::clock;
use crate::error::ClientError;

/// Why records cannot be delivered at present: the last request failed, and is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trouble {
    /// A stable code: that of the service if it responded, such as `invalid_key`, else `unreachable`,
    /// `timeout` or another one of [`ClientError::code`].
    pub code: String,
    /// A human-readable explanation.
    pub detail: String,
    /// The time of the first failure since the last success.
    pub since: Timestamp,
}

/// Logs each kind of failure once until delivery works again, and when it does.
#[derive(Debug, Default)]
pub(super) struct DeliveryReporter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    /// The codes that were logged since the last success.
    logged: BTreeSet<String>,
}

/// Maximum number of distinct codes that are logged until delivery works again.
const CODES_MAX: usize = 16;

impl DeliveryReporter {
    /// Reports the result of a request.
    pub(super) fn report(&self, error: Option<&ClientError>) {
        match error {
            Some(error) => self.failed(error),
            None => self.succeeded(),
        }
    }

    /// The trouble since the last success.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    fn failed(&self, error: &ClientError) {
        let (code, detail) = (error.code().to_owned(), with_sources(error));
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.trouble.take().map_or_else(clock::now, |trouble| trouble.since);
        let is_logged = state.logged.len() == CODES_MAX || !state.logged.insert(code.clone());
        state.trouble = Some(Trouble { code: code.clone(), detail: detail.clone(), since });
        drop(state);
        if is_logged {
            return;
        }
        if verdict(error) == Verdict::NotAllowed {
            tracing::error!(code, detail, "audit records cannot be delivered: check the API key");
        } else {
            tracing::warn!(code, detail, "audit records cannot be delivered");
        }
    }

    fn succeeded(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { trouble, .. } = std::mem::take(&mut *state);
        drop(state);
        if trouble.is_some() {
            tracing::info!("audit records are delivered again");
        }
    }
}
