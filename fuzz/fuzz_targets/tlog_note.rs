//! Reading a note and a checkpoint never panics, and what is read is printed as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Checkpoint, SignedNote};

fuzz_target!(|bytes: &[u8]| {
    let Ok(note) = SignedNote::parse(bytes) else { return };
    assert_eq!(note.to_string().as_bytes(), bytes);
    if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
        assert_eq!(checkpoint.to_string(), note.text());
    }
});
