//! The only place of this crate that reads a clock or asks for random bytes.

use std::time::Instant;

use auditrail_core::RecordId;
use jiff::Timestamp;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "an answer to a request is where the time comes in")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The clock that only goes forward, to measure time with.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new id for a request, which sorts by time.
pub(crate) fn request_id() -> String {
    let mut random = [0; 10];
    // The id of a request guards nothing. Without random bytes, its time still tells it apart.
    if getrandom::fill(&mut random).is_err() {
        tracing::warn!("the operating system gave no random bytes");
    }
    RecordId::from_parts(now(), random).to_string()
}

/// A new id for a record.
pub(crate) fn record_id() -> Result<RecordId, getrandom::Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    Ok(RecordId::from_parts(now(), random))
}
