//! Why a request was not acknowledged.

use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreError;

/// How long callers are asked to wait. Queues drain and servers restart within seconds; a longer
/// pause would waste what a recovered server could do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request was not acknowledged. Each variant is something else to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The writer was full, or busy with others, until the deadline. Nothing was written.
    #[error(
        "the writer is full; nothing was written; try again in {} s",
        retry_after.as_secs()
    )]
    Overloaded {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// The database took no writes until the deadline. The records may have been written; try again
    /// with the same ids.
    #[error("the database takes no writes; try again with the same ids in {} s", retry_after.as_secs())]
    Unavailable {
        /// How long to wait before the next try.
        retry_after: Duration,
        /// What it said last.
        source: Arc<StoreError>,
    },
    /// The database was still at it at the deadline. The records may have been written; try again
    /// with the same ids.
    #[error(
        "the database did not finish in time; the records may have been written; try again with \
         the same ids in {} s",
        retry_after.as_secs()
    )]
    TimedOut {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// The request could never be queued. Split it; nothing was written.
    #[error(
        "the request has {records} records of {bytes} bytes, more than the writer ever takes \
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
    /// Other records have some of the ids, and the request was not to be written in part. Nothing was
    /// written.
    #[error("records {conflicts:?} of the request have ids that belong to other content")]
    Conflict {
        /// Their places in the request, from 0.
        conflicts: Vec<usize>,
    },
    /// The database refused a record of this request. Nothing was written.
    #[error("the database refused a record of the request; nothing of it was written")]
    Refused {
        /// What it said.
        source: StoreError,
    },
    /// The API key of the request was revoked or changed before the records were committed. Nothing was
    /// written.
    #[error("the API key was revoked or changed meanwhile; nothing was written")]
    KeyChanged,
    /// The writer was closed. A request that was being written then may have been; try again with the
    /// same ids elsewhere.
    #[error("the writer is closed; try again with the same ids elsewhere")]
    Closed,
}

impl WriteError {
    /// Stable machine name; the wording of errors may change, this does not.
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

/// A writer could not write everything it had accepted before it had to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{records} records were accepted and may not have been written; their callers were told")]
pub struct Unfinished {
    /// How many.
    pub records: u64,
}
