//! Parsing a new API key never panics, errors have a reason, and accepted input is valid for creation.
#![no_main]

use auditrail_core::{InputError, NewApiKey, RecordTime};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::constant(1_767_323_045, 0);
    match NewApiKey::from_json(bytes, now) {
        Ok(new) => {
            assert!(new.scopes.iter().next().is_some());
            let time = RecordTime::new(now).expect("the clock is in range");
            assert!(new.check_expiry(time).is_ok());
        }
        Err(InputError::Invalid(errors)) => assert!(!errors.as_slice().is_empty()),
        Err(InputError::NotJson { line, .. }) => assert!(line > 0),
    }
});
