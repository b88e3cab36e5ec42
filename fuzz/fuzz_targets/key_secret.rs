//! No text makes the key reader fail otherwise than by refusing it; what it accepts is a key to the
//! letter.
#![no_main]

use auditrail_core::{KeyEnv, KeyHint, KeySecret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<KeySecret>() {
        assert_eq!(key.expose(), text);
        assert!(key.env().as_str().parse::<KeyEnv>().is_ok());
        assert!(key.hint().as_str().parse::<KeyHint>().is_ok());
        assert!(text.starts_with(key.hint().as_str()));
    }
});
