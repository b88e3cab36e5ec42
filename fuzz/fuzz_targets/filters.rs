//! Parsing query parameters never panics, and accepted filters round-trip.
#![no_main]

use auditrail_core::{CursorKey, Filters, Query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pairs: Vec<(&str, &str)>| {
    if let Ok(query) = Query::from_pairs(pairs, &CursorKey::public()) {
        let reparsed = Filters::from_pairs(query.filters.to_pairs());
        assert_eq!(reparsed, Ok(query.filters));
    }
});
