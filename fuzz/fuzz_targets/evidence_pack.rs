//! Verifying a pack never panics: neither one of any bytes, nor one of any records under a checkpoint that is trusted.
#![no_main]

use std::io::Cursor;

use auditrail_evidence::pack::{PackWriter, names, verify};
use libfuzzer_sys::fuzz_target;
use tlog::{Algorithm, Checkpoint, EMPTY_ROOT, Policy, SigningKey};

const RANGE: &[u8] = br#"{"version":"auditrail/pack/v1","from_seq":0,"to_seq":9,"filters":[["a","b"]],"complete":false,"records":1,"left":0}"#;

fuzz_target!(|bytes: &[u8]| {
    let name = "log.example".parse().expect("a name");
    let key = SigningKey::from_seed(name, Algorithm::Ed25519, &[1; 32]);
    let policy = format!("log {}\nquorum none\n", key.verifier());
    let policy = Policy::parse(policy.as_bytes()).expect("a policy");
    assert!(verify(bytes, &policy, 1, &mut |_| {}).is_err(), "nothing is signed");

    let checkpoint = Checkpoint::new("log.example", 10, EMPTY_ROOT).expect("a checkpoint");
    let mut note = checkpoint.to_note().expect("a note");
    note.sign(&key, 0);
    let (hashes, records) = bytes.split_at(bytes.len().min(64));
    let pack = PackWriter::new(Cursor::new(Vec::new()))
        .file(names::CHECKPOINT, note.to_string().as_bytes())
        .and_then(|pack| pack.file(names::RECORDS, records))
        .and_then(|pack| pack.file(names::HASHES, hashes))
        .and_then(|pack| pack.file(names::RANGE, RANGE))
        .and_then(PackWriter::finish)
        .expect("memory can be written");
    assert!(verify(pack.into_inner().as_slice(), &policy, 1, &mut |_| {}).is_err());
});
