//! The only module of this crate that reads a clock or gets random bytes.

use std::cell::RefCell;
use std::time::Instant;

use auditrail_core::{IdBytes, RecordId};
use jiff::Timestamp;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "requests are timestamped here")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic clock.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new request id, which sorts by time.
pub(crate) fn request_id() -> String {
    // A request id is not security-relevant. Without random bytes, its time still distinguishes it.
    let random = id_bytes().unwrap_or_else(|error| {
        tracing::warn!(%error, "could not obtain random bytes from the operating system");
        [0; 10]
    });
    RecordId::from_parts(now(), random).to_string()
}

/// A random number from 0 to 1, not for secrets; 1 when there are no random bytes.
pub(crate) fn random_fraction() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

/// A new record id.
pub(crate) fn record_id() -> Result<RecordId, getrandom::Error> {
    Ok(RecordId::from_parts(now(), id_bytes()?))
}

thread_local! {
    static ID_BYTES: RefCell<IdBytes> = const { RefCell::new(IdBytes::new()) };
}

fn id_bytes() -> Result<[u8; 10], getrandom::Error> {
    ID_BYTES.with_borrow_mut(|bytes| bytes.take(getrandom::fill))
}
