//! The error of the group commit.

use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreError;

/// The pause that callers are asked for. Queues drain and servers restart within seconds; a longer pause
/// would leave a recovered server idle.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The reason why a request was not acknowledged. Each variant calls for a different reaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The queue was full until the deadline, or the request was still queued. Nothing was written.
    #[error(
        "the writer is overloaded; nothing was written; retry in {} s",
        retry_after.as_secs()
    )]
    Overloaded {
        /// How long to wait before the retry.
        retry_after: Duration,
    },
    /// The database was unavailable until the deadline. The records may have been written; retry with the
    /// same ids.
    #[error("the database does not accept writes; retry with the same ids in {} s", retry_after.as_secs())]
    Unavailable {
        /// How long to wait before the retry.
        retry_after: Duration,
        /// The last error.
        source: Arc<StoreError>,
    },
    /// The write was still in flight at the deadline. The records may have been written; retry with the
    /// same ids.
    #[error(
        "the database did not finish in time; the records may have been written; retry with \
         the same ids in {} s",
        retry_after.as_secs()
    )]
    TimedOut {
        /// How long to wait before the retry.
        retry_after: Duration,
    },
    /// The request exceeds the limits of the queue. Split it; nothing was written.
    #[error(
        "the request has {records} records of {bytes} bytes, more than the limits of the writer \
         ({records_max} and {bytes_max}); split it"
    )]
    TooLarge {
        /// Its records.
        records: usize,
        /// Their bytes.
        bytes: usize,
        /// Most records of a request.
        records_max: u32,
        /// Most bytes of a request.
        bytes_max: u32,
    },
    /// Some ids belong to other content, and the request was to be written as a whole or not at all.
    /// Nothing was written.
    #[error("records {conflicts:?} of the request have ids that belong to other content")]
    Conflict {
        /// Their indexes in the request, from 0.
        conflicts: Vec<usize>,
    },
    /// The database refused a record of this request. Nothing was written.
    #[error("the database rejected a record; nothing of the request was written")]
    Refused {
        /// The error of the database.
        source: StoreError,
    },
    /// The API key of the request was revoked or changed before the records were committed. Nothing was
    /// written.
    #[error("the API key was revoked or changed meanwhile; nothing was written")]
    KeyChanged,
    /// The writer is closed. A request in flight at that moment may have been written; retry with the
    /// same ids elsewhere.
    #[error("the writer is closed; retry with the same ids on another instance")]
    Closed,
}

impl WriteError {
    /// Stable machine-readable code; the wording of errors may change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Overloaded { .. } => "overloaded",
            Self::Unavailable { source, .. } => source.code(),
            Self::TimedOut { .. } => "timed_out",
            Self::TooLarge { .. } => "request_too_large",
            Self::Conflict { .. } => "id_conflict",
            Self::Refused { source } => source.code(),
            Self::KeyChanged => "key_changed",
            Self::Closed => "shutting_down",
        }
    }

    /// How long to wait before the same request may succeed; `None` when waiting does not help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after }
            | Self::Unavailable { retry_after, .. }
            | Self::TimedOut { retry_after } => Some(*retry_after),
            Self::TooLarge { .. }
            | Self::Conflict { .. }
            | Self::Refused { .. }
            | Self::KeyChanged
            | Self::Closed => None,
        }
    }

    pub(super) fn overloaded() -> Self {
        Self::Overloaded { retry_after: RETRY_AFTER }
    }

    pub(super) fn unavailable(source: Arc<StoreError>) -> Self {
        Self::Unavailable { retry_after: RETRY_AFTER, source }
    }

    pub(super) fn timed_out() -> Self {
        Self::TimedOut { retry_after: RETRY_AFTER }
    }
}

/// The writer was closed before all accepted records were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{records} accepted records may not have been written; their callers got an error")]
pub struct Unfinished {
    /// The number of records.
    pub records: u64,
}
