//! The only module of this crate that reads clocks or random bytes.

use auditrail_core::RecordId;
use jiff::Timestamp;
use tokio::time::Instant;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "a record gets its time when it is accepted")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new record id (UUIDv7).
pub(crate) fn record_id(now: Timestamp) -> Result<RecordId, getrandom::Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    Ok(RecordId::from_parts(now, random))
}

/// A random number in [0, 1). Without random bytes 0.5, which serves as well for jitter.
pub(crate) fn random_fraction() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
