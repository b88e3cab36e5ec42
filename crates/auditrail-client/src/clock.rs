//! The only place of this crate that reads a clock or asks for random bytes.

use auditrail_core::RecordId;
use jiff::Timestamp;
use tokio::time::Instant;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "a record gets its time where it is taken on")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The clock that only goes forward, to measure time with.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new id for a record.
pub(crate) fn record_id(now: Timestamp) -> Result<RecordId, getrandom::Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    Ok(RecordId::from_parts(now, random))
}

/// A number from 0 up to, but not including, 1. Without random bytes the middle, which is as good for
/// a pause as any other.
pub(crate) fn chance() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
