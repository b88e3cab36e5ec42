//! Documents that were changed, and documents that are none.

use auditrail_evidence::{Disclosure, FIELDS, InvalidProof, RecordProof};
use proptest::prelude::*;
use tlog::Policy;

use crate::vectors::{Proof, vectors};

fn good() -> Proof {
    vectors().proofs.into_iter().find(|proof| proof.valid).unwrap()
}

#[test]
fn verified_record_has_what_the_proof_shows() {
    let proofs = vectors().proofs;
    let named = |name: &str| proofs.iter().find(|proof| proof.name == name).unwrap();
    let record = named("erased fields").verify().unwrap();
    assert_eq!(record.seq, 300);
    assert_eq!(record.created_at.to_string(), "2026-11-30T19:00:00.123456Z");
    let erased: Vec<&str> = record.erased.iter().map(|field| field.as_str()).collect();
    assert_eq!(erased, ["actor_id", "metadata", "actor_name"]);
    assert!(record.withheld.is_empty());
    assert_eq!(record.shown.len(), 11);
    let shown = |name: &str| record.shown[&name.parse().unwrap()].as_deref();
    assert_eq!(shown("action"), Some("api_key.created"));
    assert_eq!(record.checkpoint.checkpoint.size(), 308);
    assert_eq!(record.checkpoint.cosignatures.len(), 2);
    let record = named("withheld fields").verify().unwrap();
    assert_eq!(record.withheld.len(), 2);
}

/// A guess of a value cannot be compared with a commitment, even if it is right and every other field is known.
#[test]
fn guess_of_a_withheld_value_cannot_be_confirmed() {
    let (proof, policy) = (good(), Policy::parse(good().policy.as_bytes()).unwrap());
    let mut proof = RecordProof::parse(proof.document.as_bytes()).unwrap();
    let Disclosure::Shown { value, .. } = proof.fields[1].clone() else { panic!("it is shown") };
    proof.fields[1] = Disclosure::Withheld(proof.fields[1].commitment(FIELDS[1]));
    proof.verify(&policy).unwrap();
    // The salts of all other fields are in the proof; none of them is that of this one.
    let salts: Vec<_> = proof
        .fields
        .iter()
        .filter_map(|field| match field {
            Disclosure::Shown { salt, .. } => Some(salt.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(salts.len(), FIELDS.len() - 1);
    for salt in salts {
        let guess = salt.commitment(FIELDS[1], value.as_deref());
        assert_ne!(guess, proof.fields[1].commitment(FIELDS[1]));
    }
}

#[test]
fn document_that_is_too_long_is_refused() {
    let text = format!("{}{}", good().document, " ".repeat(5_000_000));
    assert!(matches!(RecordProof::parse(text.as_bytes()), Err(InvalidProof::TooLong)));
    // Nesting that would overflow the stack.
    let deep = "[".repeat(1_000_000);
    assert!(matches!(RecordProof::parse(deep.as_bytes()), Err(InvalidProof::Json(_))));
    let deep = good().document.replace("\"value\": \"ana\"", &format!("\"value\": {deep}"));
    assert!(matches!(RecordProof::parse(deep.as_bytes()), Err(InvalidProof::Json(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every byte of a document matters, but for white space and the signature of a witness who is not needed.
    #[test]
    fn changed_document_shows_the_same_or_is_refused(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = good();
        let mut bytes = good.document.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let policy = Policy::parse(good.policy.as_bytes()).unwrap();
        if let Ok(Ok(record)) = RecordProof::parse(&bytes).map(|proof| proof.verify(&policy)) {
            prop_assert_eq!(record, good.verify().unwrap());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        RecordProof::parse(&bytes).unwrap_err();
    }
}
