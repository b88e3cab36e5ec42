//! Proof files.

use proptest::prelude::*;
use tlog::{NoteError, ProofFile, ProofFileError, SignedNote};

use crate::support::{Log, log_key, signed};

fn proof(size: u64, index: u64, extra: Option<Vec<u8>>) -> ProofFile {
    let log = Log::of_size(size);
    let checkpoint = signed(&log.checkpoint("log.example", size), &[&log_key("log.example", 1)]);
    ProofFile { extra, index, proof: log.inclusion(index, size), checkpoint }
}

#[test]
fn proof_is_written_as_the_specification_says() {
    let file = proof(3, 2, Some(b"more".to_vec()));
    let text = format!(
        "c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 2\n{}\n\n{}",
        file.proof[0], file.checkpoint
    );
    assert_eq!(file.to_string(), text);
    assert_eq!(ProofFile::parse(text.as_bytes()), Ok(file));
    let alone = proof(1, 0, None);
    let text = format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", alone.checkpoint);
    assert_eq!(alone.to_string(), text);
    assert_eq!(ProofFile::parse(text.as_bytes()), Ok(alone));
}

#[test]
fn bytes_that_are_not_a_proof_are_refused() {
    let good = proof(3, 2, Some(b"more".to_vec())).to_string();
    let parse = |text: String| ProofFile::parse(text.as_bytes()).unwrap_err();
    assert_eq!(parse(String::new()), ProofFileError::Header);
    assert_eq!(parse(good.replace("@v1", "@v2")), ProofFileError::Header);
    assert_eq!(parse(good.replace("@v1\n", "@v1 \n")), ProofFileError::Header);
    assert_eq!(parse(good.replace("bW9yZQ==", "bW9yZQ=")), ProofFileError::Extra);
    assert_eq!(parse(good.replace("index 2\n", "")), ProofFileError::Index);
    assert_eq!(parse(good.replace("index 2", "index 02")), ProofFileError::Index);
    assert_eq!(parse(good.replace("index 2", "index two")), ProofFileError::Index);
    assert_eq!(
        parse(good.replace("index 2\n", "index 2\nx\n")),
        ProofFileError::Hash { number: 1 }
    );
    let line = format!("{}\n", tlog::EMPTY_ROOT);
    let long = good.replace("index 2\n", &format!("index 2\n{}", line.repeat(63)));
    assert_eq!(parse(long), ProofFileError::TooManyHashes);
    let note = good.find("\n\n").unwrap();
    let missing = ProofFileError::Hash { number: 2 };
    assert_eq!(parse(good[..=note].to_owned()), missing);
    let cut = ProofFileError::Checkpoint(NoteError::NoSignatures);
    assert_eq!(parse(good[..=note + 1].to_owned()), cut);
    assert_eq!(parse("x".repeat(2_000_000)), ProofFileError::TooLong);
    assert_eq!(ProofFile::parse(b"\xff"), Err(ProofFileError::Checkpoint(NoteError::NotText)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_printed_alike(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = proof(300, 17, Some(b"more".to_vec())).to_string().into_bytes();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(file) = ProofFile::parse(&bytes) {
            prop_assert_eq!(file.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(ProofFile::parse(&[b"c2sp.org/tlog-proof@v1\nindex 1\n", &bytes[..]].concat()));
        drop(SignedNote::parse(&bytes));
    }
}
