//! Reading a policy never panics, an error has a line of the text, and a policy decides about any note.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Policy, SignedNote};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (policy, note) = input;
    match Policy::parse(policy) {
        Err(error) => {
            let lines = policy.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
        }
        Ok(policy) => {
            if let Ok(note) = SignedNote::parse(note) {
                drop(policy.verify(&note));
            }
        }
    }
});
