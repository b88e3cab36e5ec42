//! Reading a proof file never panics, what is read is printed as it was, and verifying it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Checkpoint, EMPTY_ROOT, ProofFile, inclusion};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = ProofFile::parse(bytes) else { return };
    assert_eq!(file.to_string().as_bytes(), bytes);
    if let Ok(checkpoint) = Checkpoint::parse(file.checkpoint.text()) {
        let (size, root) = (checkpoint.size(), checkpoint.root());
        let verified = inclusion::verify(&file.proof, &EMPTY_ROOT, file.index, size, root);
        std::hint::black_box(verified.is_ok());
    }
});
