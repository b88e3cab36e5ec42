//! Documents of consistency proofs.

use auditrail_evidence::{ConsistencyDocument, InvalidConsistencyDocument};
use proptest::prelude::*;
use tlog::{EMPTY_ROOT, Hash, consistency, leaf_hash, node_hash};

const DOCUMENT: &str = r#"{"version":"auditrail/consistency/v1","from":1,"to":2,"hashes":["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]}"#;

fn refused(text: &str) -> String {
    ConsistencyDocument::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn document_has_the_hashes_of_a_proof() {
    let (first, second) = (leaf_hash(b"first"), leaf_hash(b"second"));
    let document = ConsistencyDocument { from: 1, to: 2, hashes: vec![second] };
    let read = ConsistencyDocument::parse(document.to_json().as_bytes()).unwrap();
    let root = node_hash(&first, &second);
    consistency::verify(&read.hashes, read.from, &first, read.to, &root).unwrap();
    let document = ConsistencyDocument { from: 1, to: 2, hashes: vec![EMPTY_ROOT] };
    assert_eq!(document.to_json(), DOCUMENT);
}

#[test]
fn other_documents_are_refused() {
    let with = |from: &str, to: &str| refused(&DOCUMENT.replace(from, to));
    assert_eq!(
        with("/v1", "/v2"),
        "the document is of version \"auditrail/consistency/v2\"; this program verifies auditrail/consistency/v1"
    );
    assert!(with("\"to\":2", "\"to\":2,\"to\":3").contains("duplicate field `to`"));
    assert!(with("\"to\":2", "\"to\":2,\"root\":1").contains("unknown field `root`"));
    assert!(with("\"to\":2,", "").contains("missing field `to`"));
    assert!(with("\"to\":2", "\"to\":0").contains("`from` is 1 and `to` is 0"));
    for other in ["-1", "1.0", "1e0", "\"1\"", "null", "18446744073709551616", "01"] {
        let text = with("\"from\":1", &format!("\"from\":{other}"));
        assert!(text.starts_with("the document is not a consistency proof: "), "{other}: {text}");
    }
    assert!(with("\"to\":2", "\"to\":9223372036854775808").contains("sizes are below 2^63"));
    assert_eq!(with("uFU=", "uFV="), "hash 1 of `hashes` is not 44 characters of Base64");
    let hashes = vec![format!("\"{EMPTY_ROOT}\""); 65].join(",");
    let many = with(&format!("\"{EMPTY_ROOT}\""), &hashes);
    assert_eq!(many, "`hashes` has 65 hashes; no proof has more than 64");
    assert!(refused(&format!("{DOCUMENT} {{}}")).contains("trailing characters"));
    let long = format!("{DOCUMENT}{}", " ".repeat(100_000));
    let long = ConsistencyDocument::parse(long.as_bytes());
    assert!(matches!(long, Err(InvalidConsistencyDocument::TooLong)));
    let deep = "[".repeat(60_000);
    assert!(refused(&deep).starts_with("the document is not a consistency proof: "));
}

#[test]
fn longest_proof_fits() {
    // No tree has a longer proof: from its last but one leaf, all levels differ.
    let spans = consistency::spans(i64::MAX as u64 - 1, i64::MAX as u64).unwrap();
    let hashes: Vec<Hash> = spans.iter().map(|_| EMPTY_ROOT).collect();
    let document = ConsistencyDocument { from: 1, to: i64::MAX as u64, hashes };
    assert_eq!(ConsistencyDocument::parse(document.to_json().as_bytes()).unwrap(), document);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn document_is_read_as_it_is_written(
        from in 0..=i64::MAX as u64,
        more in 0..1_000_u64,
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=64),
    ) {
        let to = from.saturating_add(more).min(i64::MAX as u64);
        let hashes = hashes.into_iter().map(Hash).collect();
        let document = ConsistencyDocument { from, to, hashes };
        prop_assert_eq!(ConsistencyDocument::parse(document.to_json().as_bytes()).unwrap(), document);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ConsistencyDocument::parse(&bytes).unwrap_err();
    }
}
