//! Reading a request to a witness never panics, what is read is printed as it was, and a witness decides about it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::EMPTY_ROOT;
use tlog::witness::AddCheckpoint;

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = AddCheckpoint::parse(bytes) else { return };
    assert_eq!(request.to_string().as_bytes(), bytes);
    // Nothing is signed by a known key.
    assert!(request.decide(&[], Some((request.old_size, EMPTY_ROOT))).is_err());
});
