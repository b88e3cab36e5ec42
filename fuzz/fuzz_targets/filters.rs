//! Parsing query parameters never panics, and accepted filters round-trip.
#![no_main]

use auditrail_core::{CursorKey, Filters, Query};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pairs: Vec<(&str, &str)>| {
    let now = Timestamp::constant(1_767_323_045, 0);
    if let Ok(query) = Query::from_pairs(pairs, &CursorKey::public(), now) {
        let reparsed = Filters::from_pairs(query.filters.to_pairs(), now);
        assert_eq!(reparsed, Ok(query.filters));
    }
});
