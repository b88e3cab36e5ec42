//! Reading the document of a consistency proof never panics, and what is read is written alike.
#![no_main]

use auditrail_evidence::ConsistencyDocument;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = ConsistencyDocument::parse(bytes) else { return };
    let again = ConsistencyDocument::parse(document.to_json().as_bytes());
    assert_eq!(again.expect("it was written by itself"), document);
});
