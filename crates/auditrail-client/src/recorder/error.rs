//! Why a record was rejected or lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auditrail_api::FieldError;
use auditrail_core::ValidationErrors;

use crate::error::ClientError;

/// Why a record was rejected or lost.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The service did not acknowledge the `must` record before the deadline. The record may have
    /// been stored: to find out, repeat it with the same id.
    #[error(
        "the service did not acknowledge the record in time; it may have been stored, retry with the same id"
    )]
    NotAcknowledged {
        /// The error of the last attempt; `None` if it was still in flight.
        source: Option<Arc<ClientError>>,
    },
    /// The service rejected the API key, so the `must` record was not retried. Renew the key.
    #[error("the service rejected the API key, or it lacks the scope `write`")]
    NotAllowed {
        /// The response of the service.
        source: Arc<ClientError>,
    },
    /// The service permanently rejected the record: it is invalid, or another record has its id.
    #[error("the service rejected the record: {code}: {detail}")]
    Refused {
        /// Stable error code of the service.
        code: String,
        /// Human-readable explanation.
        detail: String,
        /// The invalid fields, if the service named them.
        errors: Vec<FieldError>,
    },
    /// The queue in memory is full because the service is slow or unreachable. Slow down, or reject
    /// work.
    #[error(
        "the queue is full: its limit is {max_records} records and {max_bytes} bytes; slow down"
    )]
    QueueFull {
        /// Limit of records.
        max_records: usize,
        /// Limit of bytes.
        max_bytes: usize,
    },
    /// The spool or its disk is full, and sending directly failed. Slow down, or reject work.
    #[error("the spool is full: {detail}")]
    SpoolFull {
        /// Which limit is reached.
        detail: String,
    },
    /// An I/O error of the spool, and sending directly failed. Check the disk.
    #[error("cannot write to the spool: {detail}")]
    SpoolFailed {
        /// The I/O error.
        detail: String,
    },
    /// The policy `spool` is used without a spool directory.
    #[error("the policy `spool` needs a spool directory; set one or use another policy")]
    NoSpool,
    /// The record is invalid by the rules that the service applies. It was neither sent nor spooled.
    #[error("the record is invalid: {errors}")]
    Invalid {
        /// Every invalid field.
        errors: ValidationErrors,
    },
    /// The record is too large to send.
    #[error("the record has {bytes} bytes; the limit is {max}")]
    TooLarge {
        /// Its size as JSON text.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The record cannot be encoded as JSON, or no id could be generated.
    #[error("cannot encode the record: {detail}")]
    NotEncoded {
        /// The cause.
        detail: String,
    },
    /// The recorder was closed, or its runtime has shut down.
    #[error("the recorder was closed before the record was acknowledged")]
    Closed,
}

auditrail_core::debug_as_messages!(RecordError);

impl RecordError {
    /// A stable code: that of the service if it rejected the record, that of the first invalid field, else the
    /// drop reason.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Invalid { errors } => {
                errors.as_slice().first().map_or("invalid", |error| error.code.as_str())
            }
            other => other.reason().map_or("refused", DropReason::as_str),
        }
    }

    /// The reason for dropping the record; `None` if the service rejected it.
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
            Self::Invalid { .. } => DropReason::Invalid,
            Self::TooLarge { .. } => DropReason::TooLarge,
            Self::NotEncoded { .. } => DropReason::NotEncoded,
            Self::Closed => DropReason::Closed,
        })
    }

    /// The `Retry-After` of the service, if it sent one.
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

/// Why a record was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue in memory was full.
    QueueFull,
    /// A `best_effort` record was evicted for a `must` or `spool` record.
    Displaced,
    /// The spool or its disk was full, and sending directly failed.
    SpoolFull,
    /// The spool had an I/O error, and sending directly failed.
    SpoolFailed,
    /// There was no spool.
    NoSpool,
    /// A `must` record was not acknowledged before its deadline.
    NotAcknowledged,
    /// The service rejected the API key for a `must` record.
    NotAllowed,
    /// The record was invalid.
    Invalid,
    /// The record was too large.
    TooLarge,
    /// The record could not be encoded.
    NotEncoded,
    /// The recorder was closed.
    Closed,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 11] = [
        Self::QueueFull,
        Self::Displaced,
        Self::SpoolFull,
        Self::SpoolFailed,
        Self::NoSpool,
        Self::NotAcknowledged,
        Self::NotAllowed,
        Self::Invalid,
        Self::TooLarge,
        Self::NotEncoded,
        Self::Closed,
    ];

    /// A stable name for metrics and logs.
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
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::NotEncoded => "unmade",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
