//! Keys, signed notes and checkpoints.

use proptest::prelude::*;
use tlog::{
    Algorithm, Checkpoint, CheckpointError, EMPTY_ROOT, InvalidKey, NoteError, NoteSignature,
    SignatureError, SignedNote, SigningKey, Verified, VerifierKey,
};

use crate::support::{log_key, signed, witness_key};

/// The example in the documentation of Go's package `golang.org/x/mod/sumdb/note`.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SECRET: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The example of <https://c2sp.org/tlog-cosignature>.
const COSIGNED: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn note(text: &str) -> SignedNote {
    SignedNote::parse(text.as_bytes()).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new("log.example/one", 0, EMPTY_ROOT).unwrap()
}

#[test]
fn note_and_keys_of_go_are_understood() {
    let key: VerifierKey = GO_KEY.parse().unwrap();
    let secret = SigningKey::from_secret_text(GO_SECRET).unwrap();
    assert_eq!(secret.verifier(), key);
    assert_eq!(secret.to_secret_text(), GO_SECRET);
    assert_eq!((key.to_string().as_str(), key.algorithm()), (GO_KEY, Algorithm::Ed25519));
    assert_eq!(note(GO_NOTE).verify(&key), Ok(Verified { time: None }));
    let mut ours = SignedNote::new(note(GO_NOTE).text().to_owned()).unwrap();
    ours.sign(&secret, 0);
    assert_eq!(ours.to_string(), GO_NOTE);
}

#[test]
fn secret_is_not_shown() {
    let secret = SigningKey::from_secret_text(GO_SECRET).unwrap();
    assert_eq!(format!("{secret:?}"), r#"SigningKey { name: "PeterNeumann", .. }"#);
    let error = SigningKey::from_secret_text(&GO_SECRET.replace("c74f", "c74e")).unwrap_err();
    assert_eq!(error, InvalidKey::Id { expected: 0xc74f_20a3, found: 0xc74e_20a3 });
}

#[test]
fn example_of_the_specification_is_read() {
    let parsed = note(COSIGNED);
    assert_eq!(parsed.to_string(), COSIGNED);
    let names: Vec<_> = parsed.signatures().iter().map(|s| s.name().as_str()).collect();
    assert_eq!(names, ["example.com/behind-the-sofa", "witness.example.com/w1"]);
    let checkpoint = Checkpoint::parse(parsed.text()).unwrap();
    assert_eq!(
        (checkpoint.origin(), checkpoint.size()),
        ("example.com/behind-the-sofa", 20_852_163)
    );
    assert_eq!(checkpoint.to_note().unwrap().text(), parsed.text());
}

#[test]
fn signatures_of_log_and_witness_are_verified() {
    let (log, witness) = (log_key("log.example/one", 1), witness_key("witness.example", 2));
    let note = signed(&checkpoint(), &[&log, &witness]);
    assert_eq!(note.verify(&log.verifier()), Ok(Verified { time: None }));
    assert_eq!(note.verify(&witness.verifier()), Ok(Verified { time: Some(1_000) }));
    let key = "other.example".parse().unwrap();
    let other = log_key("other.example", 3).verifier();
    assert_eq!(note.verify(&other), Err(SignatureError::Missing { key }));
}

#[test]
fn latest_of_several_cosignatures_counts() {
    let witness = witness_key("witness.example", 2);
    let mut note = checkpoint().to_note().unwrap();
    for time in [7, 9, 8] {
        note.sign(&witness, time);
    }
    assert_eq!(note.verify(&witness.verifier()), Ok(Verified { time: Some(9) }));
}

#[test]
fn same_key_for_another_use_is_another_key() {
    let (log, witness) = (log_key("one", 1), witness_key("one", 1));
    assert_eq!(log.verifier().as_bytes(), witness.verifier().as_bytes());
    assert_ne!(log.verifier().id(), witness.verifier().id());
    let note = signed(&checkpoint(), &[&log]);
    assert!(matches!(note.verify(&witness.verifier()), Err(SignatureError::Missing { .. })));
}

#[test]
fn one_invalid_signature_of_a_key_refutes_the_note() {
    let log = log_key("log.example/one", 1);
    let mut note = signed(&checkpoint(), &[&log]);
    note.push(NoteSignature::new(&log, "another text\n", 0));
    assert!(matches!(note.verify(&log.verifier()), Err(SignatureError::Invalid { .. })));
}

#[test]
fn changed_note_is_refused() {
    let (log, witness) = (log_key("log.example/one", 1), witness_key("witness.example", 2));
    let text = signed(&checkpoint(), &[&log, &witness]).to_string();
    let keys = [log.verifier(), witness.verifier()];
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] ^= 1;
        let Ok(note) = SignedNote::parse(&bytes) else { continue };
        assert!(keys.iter().any(|key| note.verify(key).is_err()), "byte {position}");
    }
    for length in 0..text.len() {
        let Ok(note) = SignedNote::parse(&text.as_bytes()[..length]) else { continue };
        assert!(keys.iter().any(|key| note.verify(key).is_err()), "length {length}");
    }
}

#[test]
fn bytes_that_are_not_a_note_are_refused() {
    let parse = |text: &str| SignedNote::parse(text.as_bytes()).unwrap_err();
    let signature = NoteSignature::new(&log_key("log", 1), "text\n", 0).to_string();
    assert_eq!(parse(""), NoteError::NoSignatures);
    assert_eq!(parse("text\n"), NoteError::NoSignatures);
    assert_eq!(parse("text\n\n"), NoteError::NoSignatures);
    assert_eq!(parse(&format!("text\n{signature}")), NoteError::NoSignatures);
    assert_eq!(parse(&format!("te\rxt\n\n{signature}")), NoteError::NotText);
    assert_eq!(SignedNote::parse(b"\xff\n\n"), Err(NoteError::NotText));
    let line = |line: &str| parse(&format!("text\n\n{signature}{line}"));
    let wrong = NoteError::Signature { number: 2 };
    for other in [
        "x\n",
        "- log AAAAAAA=\n",
        "— log\n",
        "— log AAAA\n",
        "— log AAAAAA==\n",
        "— lo+g AAAAAAA=\n",
        "—  AAAAAAA=\n",
        "— log AAAAAAA= \n",
        "— log AAAAAAA=",
    ] {
        assert_eq!(line(other), wrong, "{other}");
    }
    let many = signature.repeat(101);
    assert_eq!(parse(&format!("text\n\n{many}")), NoteError::TooManySignatures);
    assert_eq!(parse(&"x".repeat(262_145)), NoteError::TooLong);
    note(&format!("text\n\nwith an empty line\n\n{}", signature.repeat(16)));
    assert_eq!(SignedNote::new("text".to_owned()), Err(NoteError::Text));
    assert_eq!(SignedNote::new("te\tt\n".to_owned()), Err(NoteError::Text));
}

#[test]
fn text_that_is_not_a_checkpoint_is_refused() {
    use CheckpointError::{Lines, Root, Size};
    let root = EMPTY_ROOT;
    for (text, error) in [
        (String::new(), Lines),
        (format!("\n1\n{root}\n"), Lines),
        (format!("log\n\n{root}\n"), Lines),
        ("log\n1\n".to_owned(), Lines),
        (format!("log\n1\n{root}"), Lines),
        (format!("log\n1\n{root}\n\n"), Lines),
        (format!("log\n1\n{root}\nextension"), Lines),
        (format!("log\n1\n{root}\nextension\n\nmore\n"), Lines),
        (format!("log\n01\n{root}\n"), Size),
        (format!("log\n-1\n{root}\n"), Size),
        (format!("log\n9223372036854775808\n{root}\n"), Size),
        ("log\n1\nAAAA\n".to_owned(), Root),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
    let text = format!("log\n1\n{root}\nextension\nmore\n");
    assert_eq!(Checkpoint::parse(&text).unwrap().to_string(), text);
    assert_eq!(Checkpoint::new("", 1, root), Err(Lines));
    assert_eq!(Checkpoint::new("a\nb", 1, root), Err(Lines));
    assert_eq!(Checkpoint::new("log", u64::MAX, root), Err(Size));
}

#[test]
fn text_that_is_not_a_key_is_refused() {
    let parse = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    let good = log_key("log", 1).verifier().to_string();
    for text in
        ["", "log", "log+00000000", "log+0000000+AQ==", "log+0000000g+AQ==", "log+00000000+AQ"]
    {
        assert_eq!(parse(text), InvalidKey::Form, "{text}");
    }
    assert_eq!(parse(&good.to_uppercase()), InvalidKey::Form);
    assert_eq!(parse(&good.replace("log+", "+")), InvalidKey::Name);
    assert_eq!(parse(&good.replace("log+", "l og+")), InvalidKey::Name);
    assert!(matches!(parse(&good.replace("log+", "lag+")), InvalidKey::Id { .. }));
    // A point of small order, under which one signature is valid for every message.
    let weak = "log+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(parse(weak), InvalidKey::Key);
    let other = "log+00000000+AgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(parse(other), InvalidKey::Algorithm(2));
    let secret = SigningKey::from_secret_text(&good).unwrap_err();
    assert_eq!(secret, InvalidKey::SecretForm);
}

#[test]
fn time_of_a_cosignature_is_bounded() {
    let witness = witness_key("witness.example", 2);
    let mut note = checkpoint().to_note().unwrap();
    note.sign(&witness, u64::MAX);
    assert!(matches!(note.verify(&witness.verifier()), Err(SignatureError::Invalid { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn note_is_read_as_it_is_printed(text in "([ -~é—\n]{0,40}\n){1,4}", seed in any::<u8>()) {
        let mut written = SignedNote::new(text).unwrap();
        written.sign(&log_key("log.example/é", seed), 0);
        written.sign(&witness_key("witness", seed), 5);
        prop_assert_eq!(note(&written.to_string()), written);
    }

    #[test]
    fn what_is_read_is_printed_alike(bytes in prop::collection::vec(any::<u8>(), 0..200), lines in "(— [a-z]{0,2} [A-Za-z0-9+/]{0,9}={0,2}\n){0,3}") {
        let whole = [&bytes[..], b"\n\n", lines.as_bytes()].concat();
        if let Ok(note) = SignedNote::parse(&whole) {
            prop_assert_eq!(note.to_string().into_bytes(), whole);
        }
        if let Ok(signatures) = NoteSignature::parse_lines(&lines) {
            let again: String = signatures.iter().map(ToString::to_string).collect();
            prop_assert_eq!(again, lines);
        }
    }

    #[test]
    fn keys_are_read_as_they_are_printed(name in "[!-*,-~é]{1,20}", seed in any::<[u8; 32]>()) {
        for algorithm in [Algorithm::Ed25519, Algorithm::Cosignature] {
            let key = SigningKey::from_seed(name.parse().unwrap(), algorithm, &seed);
            let verifier = key.verifier();
            prop_assert_eq!(verifier.to_string().parse::<VerifierKey>().unwrap(), verifier.clone());
            let again = SigningKey::from_secret_text(&key.to_secret_text()).unwrap();
            prop_assert_eq!(again.verifier(), verifier);
        }
    }
}
