//! Parsing an API key never panics, and an accepted key is exactly the text.
#![no_main]

use auditrail_core::{ApiKeyEnv, ApiKeyHint, ApiKeySecret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<ApiKeySecret>() {
        assert_eq!(key.expose(), text);
        assert!(key.env().as_str().parse::<ApiKeyEnv>().is_ok());
        assert!(key.hint().as_str().parse::<ApiKeyHint>().is_ok());
        assert!(text.starts_with(key.hint().as_str()));
    }
});
