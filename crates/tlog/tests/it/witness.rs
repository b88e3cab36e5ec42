//! Requests to a witness, and its decisions.

use tlog::witness::{AddCheckpoint, InvalidRequest, REQUEST_MAX, Refusal};
use tlog::{Hash, NoteError, NoteSignature, ProofFileError, SigningKey, VerifierKey, leaf_hash};

use crate::support::{Log, log_key, signed};

const ORIGIN: &str = "log.example/one";

fn key() -> SigningKey {
    log_key(ORIGIN, 1)
}

fn keys() -> Vec<VerifierKey> {
    vec![key().verifier(), log_key("log.example/two", 2).verifier()]
}

fn request(log: &Log, from: u64, to: u64) -> AddCheckpoint {
    let checkpoint = signed(&log.checkpoint(ORIGIN, to), &[&key()]);
    AddCheckpoint { old_size: from, proof: log.consistency(from, to), checkpoint }
}

fn status(request: &AddCheckpoint, last: Option<(u64, Hash)>) -> Option<u16> {
    let outcome = request.decide(&keys(), last);
    outcome.err().map(|refusal| refusal.status())
}

#[test]
fn consistent_checkpoint_is_cosigned() {
    let log = Log::of_size(300);
    let last = |size| Some((size, log.root_of(size)));
    for (from, to) in [(0, 0), (0, 1), (1, 1), (7, 300), (256, 300), (300, 300)] {
        let request = request(&log, from, to);
        let checkpoint = request.decide(&keys(), last(from)).unwrap();
        assert_eq!(checkpoint.size(), to);
        assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()), Ok(request));
    }
    assert_eq!(status(&request(&log, 0, 300), None), None);
}

#[test]
fn request_is_written_as_the_specification_says() {
    let log = Log::of_size(3);
    let request = request(&log, 2, 3);
    let text = format!("old 2\n{}\n\n{}", request.proof[0], request.checkpoint);
    assert_eq!(request.to_string(), text);
}

#[test]
fn each_refusal_has_its_status() {
    let (log, other) = (Log::of_size(300), Log::of((0..300_u32).map(|n| n.to_be_bytes().to_vec())));
    let last = |size| Some((size, log.root_of(size)));
    // The witness has another size, and says which.
    let refusal = request(&log, 7, 300).decide(&keys(), last(8)).unwrap_err();
    assert_eq!(refusal, Refusal::Stale { old_size: 7, size: 8 });
    assert_eq!(refusal.status(), 409);
    assert_eq!(status(&request(&log, 7, 300), None), Some(409));
    assert_eq!(status(&request(&log, 0, 300), last(8)), Some(409));
    // The old size is larger.
    let mut shrunk = request(&log, 3, 7);
    shrunk.old_size = 8;
    assert_eq!(status(&shrunk, last(8)), Some(400));
    // Another tree of the same size, and of a larger one.
    let refusal = request(&other, 8, 8).decide(&keys(), last(8)).unwrap_err();
    assert!(refusal.is_fork() && refusal.status() == 409, "{refusal}");
    let refusal = request(&other, 8, 300).decide(&keys(), last(8)).unwrap_err();
    assert!(refusal.is_fork() && refusal.status() == 422, "{refusal}");
    assert_eq!(
        refusal.to_string(),
        "the tree of size 300 does not begin with the leaves of the tree of size 8: the roots contradict each other"
    );
    // A proof that is too short or too long.
    let mut short = request(&log, 7, 300);
    short.proof.pop();
    let refusal = short.decide(&keys(), last(7)).unwrap_err();
    assert!(!refusal.is_fork() && refusal.status() == 422, "{refusal}");
    let mut long = request(&log, 0, 300);
    long.proof.push(leaf_hash(b""));
    assert_eq!(status(&long, None), Some(422));
}

#[test]
fn signature_of_an_unknown_key_is_none() {
    let log = Log::of_size(8);
    let mut request = request(&log, 0, 8);
    request.checkpoint = signed(&log.checkpoint("log.example/three", 8), &[&key()]);
    assert_eq!(status(&request, None), Some(404));
    request.checkpoint = signed(&log.checkpoint(ORIGIN, 8), &[&log_key(ORIGIN, 7)]);
    assert_eq!(status(&request, None), Some(403));
    // The key of another log does not sign for this one.
    request.checkpoint = signed(&log.checkpoint(ORIGIN, 8), &[&log_key("log.example/two", 2)]);
    assert_eq!(status(&request, None), Some(403));
    request.checkpoint = signed(&log.checkpoint(ORIGIN, 8), &[]);
    request.checkpoint.push(NoteSignature::new(&key(), "another text\n", 0));
    assert_eq!(status(&request, None), Some(403));
    request.checkpoint = tlog::SignedNote::new("x\n".to_owned()).unwrap();
    assert_eq!(status(&request, None), Some(400));
}

#[test]
fn bytes_that_are_not_a_request_are_refused() {
    let good = request(&Log::of_size(300), 7, 300).to_string();
    let parse = |text: String| AddCheckpoint::parse(text.as_bytes()).unwrap_err();
    assert_eq!(parse(String::new()), InvalidRequest::OldSize);
    assert_eq!(parse(good.replace("old 7", "old 07")), InvalidRequest::OldSize);
    assert_eq!(parse(good.replace("old 7", "new 7")), InvalidRequest::OldSize);
    let hash = InvalidRequest::Proof(ProofFileError::Hash { number: 1 });
    assert_eq!(parse(good.replace("old 7\n", "old 7\nx\n")), hash);
    let line = format!("{}\n", leaf_hash(b""));
    let many = good.replace("old 7\n", &format!("old 7\n{}", line.repeat(63)));
    assert_eq!(parse(many), InvalidRequest::Proof(ProofFileError::TooManyHashes));
    assert_eq!(AddCheckpoint::parse(b"\xff"), Err(InvalidRequest::Note(NoteError::NotText)));
    assert_eq!(parse("x".repeat(REQUEST_MAX + 1)), InvalidRequest::TooLong);
}
