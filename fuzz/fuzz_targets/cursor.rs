//! Decoding a cursor never panics, and altered tokens are rejected.
#![no_main]

use auditrail_core::{Cursor, CursorKey, Filters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|token: &str| {
    let filters = Filters::default();
    let key = CursorKey::public();
    if let Ok(cursor) = Cursor::decode(token, &filters, &key) {
        assert_eq!(cursor.encode(&filters, &key), token);
    }
});
