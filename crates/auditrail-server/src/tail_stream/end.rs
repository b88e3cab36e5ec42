//! What the client of a tail is sent when the tail ends.

use crate::telemetry::metrics::TailEndReason;

/// What happened, and how to continue.
pub(super) const fn detail(reason: TailEndReason) -> &'static str {
    match reason {
        TailEndReason::Shutdown => {
            "the service shuts down; continue from the position, at another server or later"
        }
        TailEndReason::Key => {
            "the API key was revoked or has changed; continue from the position with another key"
        }
        TailEndReason::Behind => {
            "the client is behind, and no database connection or memory is free for the records it has missed; \
             continue from the position later, or read faster"
        }
        TailEndReason::PositionUnknown => {
            "the log was restored to an earlier state and has lost its newest records; continue from an \
             earlier position, or from the start"
        }
        TailEndReason::Unavailable => {
            "the database cannot be read; continue from the position later"
        }
    }
}
