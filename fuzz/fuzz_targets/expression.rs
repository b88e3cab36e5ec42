//! Parsing a search expression never panics, and its canonical form parses to the same expression.
#![no_main]

use auditrail_core::Expression;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|q: &str| {
    let now = Timestamp::constant(1_767_323_045, 0);
    match Expression::parse(q, now) {
        Ok(expression) => {
            let canonical = expression.to_string();
            assert_eq!(Expression::parse(&canonical, now), Ok(expression), "{canonical}");
        }
        Err(errors) => {
            let end = q.chars().count() + 1;
            assert!(!errors.is_empty() && errors.iter().all(|error| (1..=end).contains(&error.position)));
        }
    }
});
