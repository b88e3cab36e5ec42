//! Parsing a policy never panics, problems have a line of the text, and an accepted policy decides about any
//! request.
#![no_main]

use auditrail_tower::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, u16)| {
    let (text, method, target, status) = input;
    match Policy::parse(text, "fuzzed") {
        Err(error) => {
            assert!(!error.problems().is_empty());
            let lines = text.lines().count() + 1;
            for line in error.problems().iter().filter_map(|problem| problem.line) {
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
            }
        }
        Ok(policy) => {
            let matches = policy.matches(method, target);
            let decided = matches.decide(status);
            assert!(decided.is_none() || !matches.is_empty());
            assert!(matches.intent().is_none_or(|rule| rule.action().is_some()));
        }
    }
});
