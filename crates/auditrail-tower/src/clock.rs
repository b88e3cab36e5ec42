//! The clock and the random bytes of this crate.

use std::cell::RefCell;
use std::time::Instant;

use auditrail_core::{IdBytes, RecordId};
use jiff::Timestamp;

/// The monotonic clock, for durations.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new record id, which sorts by time. `None` if the operating system provides no random bytes.
pub(crate) fn record_id() -> Option<RecordId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).ok()?;
    Some(RecordId::from_parts(now(), random))
}

/// A new request id, which sorts by time and is not a secret. `None` as above.
pub(crate) fn request_id() -> Option<RecordId> {
    let random = ID_BYTES.with_borrow_mut(|bytes| bytes.take(getrandom::fill)).ok()?;
    Some(RecordId::from_parts(now(), random))
}

thread_local! {
    static ID_BYTES: RefCell<IdBytes> = const { RefCell::new(IdBytes::new()) };
}

#[expect(clippy::disallowed_methods, reason = "the only reader of the wall clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn request_ids_are_unique() {
        let ids: HashSet<_> = (0..320).filter_map(|_| request_id()).collect();
        assert_eq!(ids.len(), 320);
    }
}
