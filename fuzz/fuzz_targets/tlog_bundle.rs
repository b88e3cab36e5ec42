//! Reading a bundle never panics, and its entries make up the bytes that were read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::bundle;

fuzz_target!(|bytes: &[u8]| {
    let mut again = Vec::new();
    let mut is_whole = true;
    for entry in bundle::entries(bytes) {
        match entry {
            Ok(entry) => bundle::push(&mut again, entry).expect("no longer than it was"),
            Err(_) => is_whole = false,
        }
    }
    assert!(bytes.starts_with(&again));
    assert_eq!(is_whole, again.len() == bytes.len());
});
