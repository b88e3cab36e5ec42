//! The only place of this crate that reads a clock or asks for random bytes.

use std::cell::RefCell;
use std::time::Instant;

use auditrail_core::RecordId;
use jiff::Timestamp;

/// The clock that only goes forward, to measure time with.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// A new id for a record, which sorts by time. `None` when the operating system gives no random bytes.
pub(crate) fn record_id() -> Option<RecordId> {
    let mut random = [0; ID_BYTES];
    getrandom::fill(&mut random).ok()?;
    Some(RecordId::from_parts(now(), random))
}

/// A new id for a request, which sorts by time and guards nothing.
///
/// Random bytes are asked for in stock: the operating system takes longer to answer than all else that
/// such an id needs.
pub(crate) fn request_id() -> Option<RecordId> {
    let random = STOCK.with_borrow_mut(Stock::take)?;
    Some(RecordId::from_parts(now(), random))
}

/// Random bytes in an id.
const ID_BYTES: usize = 10;
/// How many ids the random bytes of a stock are enough for.
const STOCK_IDS: usize = 64;

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock { random: [[0; ID_BYTES]; STOCK_IDS], left: 0 }) };
}

struct Stock {
    random: [[u8; ID_BYTES]; STOCK_IDS],
    left: usize,
}

impl Stock {
    fn take(&mut self) -> Option<[u8; ID_BYTES]> {
        if self.left == 0 {
            getrandom::fill(self.random.as_flattened_mut()).ok()?;
            self.left = STOCK_IDS;
        }
        self.left -= 1;
        Some(self.random[self.left])
    }
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
        let ids: HashSet<_> = (0..STOCK_IDS * 5).filter_map(|_| request_id()).collect();
        assert_eq!(ids.len(), STOCK_IDS * 5);
    }
}
