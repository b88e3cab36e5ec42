//! Why a record was not taken on, or was lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{ClientError, WrongField};

/// Why a record was not taken on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Nobody acknowledged the `must` record in time. It may be written all the same: give it an id of
    /// your own and repeat it to find out.
    #[error("the service did not acknowledge the record in time; it may be written all the same")]
    NotAcknowledged {
        /// What the last try said; nothing when it was still under way.
        source: Option<Arc<ClientError>>,
    },
    /// The key is not good, so no other try of the `must` record would help. Renew it.
    #[error("the service does not take records with this key")]
    NotAllowed {
        /// What it said.
        source: Arc<ClientError>,
    },
    /// The service refused the record for good, or knows another of its id. Mend the record.
    #[error("the service refused the record: {code}: {detail}")]
    Refused {
        /// Why, to match on.
        code: String,
        /// Why, for people.
        detail: String,
        /// Every wrong field, where the service named them.
        errors: Vec<WrongField>,
    },
    /// The service is behind or gone. Slow down, or refuse the work.
    #[error("the queue holds its {max_records} records or {max_bytes} bytes; slow down")]
    QueueFull {
        /// Most records.
        max_records: usize,
        /// Most bytes.
        max_bytes: usize,
    },
    /// The spool or its disk is full, and the service did not take the record. Slow down, or refuse the
    /// work.
    #[error("the spool is full: {detail}")]
    SpoolFull {
        /// What is full.
        detail: String,
    },
    /// The disk of the spool fails, and the service did not take the record. See to the disk.
    #[error("the spool cannot be written to: {detail}")]
    SpoolFailed {
        /// What it said.
        detail: String,
    },
    /// Name a directory for the spool, or use another policy.
    #[error("the policy `spool` needs a directory for the spool")]
    NoSpool,
    /// Make the record smaller.
    #[error("the record has {bytes} bytes, at most {max} are taken")]
    TooLarge {
        /// Bytes it has as JSON text.
        bytes: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The record holds what JSON cannot, or cannot be given an id. Nothing to be done about by hand.
    #[error("the record could not be put together: {detail}")]
    Unmade {
        /// What failed.
        detail: String,
    },
    /// The recorder was closed, or the runtime it was opened in has ended.
    #[error("the recorder was closed before the record was acknowledged")]
    Closed,
}

impl RecordError {
    /// Stable name of the problem: the code of the service where it refused the record, else that of the
    /// reason.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            other => other.reason().map_or("refused", DropReason::as_str),
        }
    }

    /// Why the record was dropped; `None` when the service refused it.
    #[must_use]
    pub fn reason(&self) -> Option<DropReason> {
        Some(match self {
            Self::NotAcknowledged { .. } => DropReason::NotAcknowledged,
            Self::NotAllowed { .. } => DropReason::NotAllowed,
            Self::Refused { .. } => return None,
            Self::QueueFull { .. } => DropReason::QueueFull,
            Self::SpoolFull { .. } => DropReason::SpoolFull,
            Self::SpoolFailed { .. } => DropReason::SpoolFailed,
            Self::NoSpool => DropReason::NoSpool,
            Self::TooLarge { .. } => DropReason::TooLarge,
            Self::Unmade { .. } => DropReason::Unmade,
            Self::Closed => DropReason::Closed,
        })
    }

    /// How long the service asked to be left alone, where it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotAcknowledged { source: Some(source) } | Self::NotAllowed { source } => {
                source.retry_after()
            }
            _ => None,
        }
    }
}

/// Why a record was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// There was no room in memory.
    QueueFull,
    /// A record of `must` or `spool` needed the room of one of `best_effort`.
    Displaced,
    /// There was no room on the disk, and the service did not take it.
    SpoolFull,
    /// The disk failed, and the service did not take it.
    SpoolFailed,
    /// There is no spool.
    NoSpool,
    /// Nobody acknowledged the `must` record in time.
    NotAcknowledged,
    /// The key is not good, and the record was a `must`.
    NotAllowed,
    /// It was too large to send.
    TooLarge,
    /// It could not be put together.
    Unmade,
    /// It was still in memory when the recorder was closed, or came later.
    Closed,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::QueueFull,
        Self::Displaced,
        Self::SpoolFull,
        Self::SpoolFailed,
        Self::NoSpool,
        Self::NotAcknowledged,
        Self::NotAllowed,
        Self::TooLarge,
        Self::Unmade,
        Self::Closed,
    ];

    /// The name, for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Displaced => "displaced",
            Self::SpoolFull => "spool_full",
            Self::SpoolFailed => "spool_failed",
            Self::NoSpool => "no_spool",
            Self::NotAcknowledged => "not_acknowledged",
            Self::NotAllowed => "not_allowed",
            Self::TooLarge => "too_large",
            Self::Unmade => "unmade",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
