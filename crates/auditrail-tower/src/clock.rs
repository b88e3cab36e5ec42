//! The only place of this crate that reads a clock or asks for random bytes.

use std::time::Instant;

use auditrail_core::RecordId;
use jiff::Timestamp;

/// The clock that only goes forward, to measure time with.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new id, which sorts by time: for a request, or for a record. `None` when the operating system
/// gives no random bytes.
#[expect(clippy::disallowed_methods, reason = "the time of a request is where the time comes in")]
pub(crate) fn new_id() -> Option<RecordId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).ok()?;
    Some(RecordId::from_parts(Timestamp::now(), random))
}
