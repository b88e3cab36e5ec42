//! No text makes the cursor reader fail otherwise than by refusing it; no altered token is accepted.
#![no_main]

use auditrail_core::{Cursor, CursorKey, Filters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|token: &str| {
    let (filters, key) = (Filters::default(), CursorKey::public());
    if let Ok(cursor) = Cursor::decode(token, &filters, &key) {
        assert_eq!(cursor.encode(&filters, &key), token);
    }
});
