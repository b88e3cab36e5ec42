//! Whatever parameters come, reading answers; and what it accepts, it writes and reads back the same.
#![no_main]

use auditrail_core::{CursorKey, Filters, Query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pairs: Vec<(&str, &str)>| {
    if let Ok(query) = Query::from_pairs(pairs, &CursorKey::public()) {
        let again = Filters::from_pairs(query.filters.to_pairs());
        assert_eq!(again, Ok(query.filters));
    }
});
