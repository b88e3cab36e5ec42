//! Reading a key never panics, and a key is printed as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{SigningKey, VerifierKey};

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = SigningKey::from_secret_text(text) {
        assert_eq!(key.to_secret_text(), text);
    }
});
