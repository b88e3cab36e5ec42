//! Parsing never panics, and accepted input round-trips through serialization.
#![no_main]

use auditrail_core::{CreateInput, InputError, Record, RecordId, RecordTime};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::constant(1_767_323_045, 0);
    match CreateInput::from_json(bytes, now) {
        Ok(input) => {
            let json = serde_json::to_vec(&input).expect("an input serialises");
            assert_eq!(CreateInput::from_json(&json, now), Ok(input.clone()));
            let time = RecordTime::new(now).expect("the clock is in range");
            let record = input
                .clone()
                .into_record(RecordId::derived(None, &[bytes]), time);
            assert!(input.matches_stored(&record));
            let text = serde_json::to_string(&record).expect("a record serialises");
            assert!(!text.contains('\n'));
            assert_eq!(
                serde_json::from_str::<Record>(&text).expect("a record reads back"),
                record
            );
        }
        Err(InputError::Invalid(errors)) => assert!(!errors.as_slice().is_empty()),
        Err(InputError::NotJson { line, .. }) => assert!(line > 0),
    }
});
