//! Reading the proof of a record never panics, what is read is written alike, and a policy decides about it.
#![no_main]

use auditrail_evidence::RecordProof;
use libfuzzer_sys::fuzz_target;
use tlog::Policy;

fuzz_target!(|bytes: &[u8]| {
    let Ok(proof) = RecordProof::parse(bytes) else { return };
    let again = RecordProof::parse(proof.to_json().as_bytes()).expect("it was written by itself");
    assert_eq!(again, proof);
    let policy = Policy::parse(b"quorum none").expect("a policy without logs");
    assert!(proof.verify(&policy).is_err(), "no log is trusted");
});
