//! Entries and commitments.

use auditrail_core::RecordTime;
use auditrail_evidence::{ENTRY_BYTES, Entry, FIELDS, InvalidEntry, RecordKey, fields_root};
use proptest::prelude::*;
use uuid::Uuid;

#[test]
fn bytes_that_are_not_an_entry_are_refused() {
    let entry = Entry {
        id: Uuid::from_u128(7),
        created_at: "2026-11-30T19:00:00Z".parse().unwrap(),
        fields_root: [9; 32],
    };
    let bytes = entry.to_bytes();
    assert_eq!(Entry::parse(&bytes), Ok(entry));
    for length in 0..ENTRY_BYTES {
        assert_eq!(Entry::parse(&bytes[..length]), Err(InvalidEntry));
    }
    assert_eq!(Entry::parse(&[&bytes[..], &[0]].concat()), Err(InvalidEntry));
    let mut other = bytes;
    other[17] = b'2';
    assert_eq!(Entry::parse(&other), Err(InvalidEntry), "another version");
    let mut other = bytes;
    other[35] = 0x7f;
    assert_eq!(Entry::parse(&other), Err(InvalidEntry), "a time that no record has");
}

#[test]
fn secrets_are_not_shown() {
    let key = RecordKey::new([0xab; 32]);
    let salt = key.salt(FIELDS[0]);
    assert_eq!(format!("{key:?} {salt:?}"), "RecordKey Salt");
}

fn value() -> impl Strategy<Value = Option<String>> {
    prop::option::of("\\PC{0,20}")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entry_is_read_as_it_is_written(id in any::<u128>(), micros in any::<i64>(), root in any::<[u8; 32]>()) {
        let created_at = RecordTime::from_stored_micros(micros);
        let entry = Entry { id: Uuid::from_u128(id), created_at, fields_root: root };
        prop_assert_eq!(Entry::parse(&entry.to_bytes()), Ok(entry));
    }

    #[test]
    fn any_change_of_a_field_changes_the_entry(
        values in prop::collection::vec(value(), FIELDS.len()),
        place in 0..FIELDS.len(),
        other in value(),
        secret in any::<[u8; 32]>(),
    ) {
        let key = RecordKey::new(secret);
        let root = |values: &[Option<String>]| {
            fields_root(&key.commitments(&FIELDS.map(|field| values[field.index()].as_deref())))
        };
        let mut changed = values.clone();
        changed[place] = other;
        prop_assert_eq!(root(&values) == root(&changed), values == changed);
        let mut swapped = values.clone();
        swapped.swap(0, place);
        prop_assert_eq!(root(&values) == root(&swapped), values == swapped);
    }

    #[test]
    fn commitment_reveals_nothing_without_the_key(a in any::<[u8; 32]>(), b in any::<[u8; 32]>(), value in value()) {
        // The same value of two records, and of two fields of one record, looks different.
        let commitment = |key: [u8; 32], field: usize| {
            RecordKey::new(key).salt(FIELDS[field]).commitment(FIELDS[field], value.as_deref())
        };
        prop_assert_eq!(commitment(a, 0) == commitment(b, 0), a == b);
        prop_assert_ne!(commitment(a, 0), commitment(a, 1));
    }
}
