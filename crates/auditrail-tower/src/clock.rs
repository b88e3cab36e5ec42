//! The only place of this crate that reads a clock or asks for random bytes.

use std::cell::RefCell;
use std::time::Instant;

use auditrail_core::{IdBytes, RecordId};
use jiff::Timestamp;

/// The clock that only goes forward, to measure time with.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new id for a record, which sorts by time. `None` when the operating system gives no random bytes.
pub(crate) fn record_id() -> Option<RecordId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).ok()?;
    Some(RecordId::from_parts(now(), random))
}

/// A new id for a request, which sorts by time and guards nothing.
pub(crate) fn request_id() -> Option<RecordId> {
    let random = ID_BYTES.with_borrow_mut(|bytes| bytes.take(getrandom::fill)).ok()?;
    Some(RecordId::from_parts(now(), random))
}

thread_local! {
    static ID_BYTES: RefCell<IdBytes> = const { RefCell::new(IdBytes::new()) };
}

#[expect(clippy::disallowed_methods, reason = "the time of a request is where the time comes in")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_is_given_twice() {
        let ids: HashSet<_> = (0..320).filter_map(|_| request_id()).collect();
        assert_eq!(ids.len(), 320);
    }
}
