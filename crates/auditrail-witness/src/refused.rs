//! Why a request is refused.

use std::io;

use tlog::witness::{InvalidRequest, Refusal};

/// Why a witness does not cosign.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The body is not a request (400).
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The request does not fit to the log or to what was cosigned.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The state of the log cannot be used (500).
    #[error("this witness cosigns nothing for {origin}: {reason}")]
    Unusable {
        /// The log.
        origin: String,
        /// Why, and what an operator can do.
        reason: String,
    },
    /// The checkpoint was not saved (500).
    #[error("the checkpoint was not saved, so it is not cosigned")]
    NotSaved(#[source] io::Error),
    /// The clock of the witness shows no valid time (500).
    #[error("the clock of this witness is not set")]
    Clock,
    /// The process shuts down (503).
    #[error("this witness is shutting down")]
    Stopping,
}

impl Refused {
    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 400,
            Self::Refusal(refusal) => refusal.status(),
            Self::Unusable { .. } | Self::NotSaved(_) | Self::Clock => 500,
            Self::Stopping => 503,
        }
    }
}
