//! Packs that are valid, and each way to change one.

use std::collections::BTreeMap;

use auditrail_evidence::pack::{PackRange, names};
use auditrail_evidence::{Commitment, FieldName, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::support::{COMPLETE, FILTERED, Files, Options, value};
use super::tamperings::TAMPERINGS;

fn field(name: &str) -> FieldName {
    name.parse().unwrap()
}

#[test]
fn complete_pack_is_valid_for_every_range() {
    for (size, from, to) in [
        (1, 0, 0),
        (2, 1, 1),
        (7, 0, 6),
        (8, 3, 3),
        (300, 0, 299),
        (300, 255, 256),
        (700, 510, 514),
    ] {
        let pack = Files::new(Options { size, from, to, ..COMPLETE }).verify().unwrap();
        let expected = PackRange {
            from_seq: from,
            to_seq: to,
            filters: Vec::new(),
            records: to - from + 1,
            left: 0,
        };
        assert_eq!((pack.range, pack.checkpoint.checkpoint.size()), (expected, size));
    }
}

#[test]
fn pack_with_filters_is_valid_and_not_complete() {
    for every in [2, 3, 50, 400] {
        let pack = Files::new(Options { every, ..FILTERED }).verify().unwrap();
        let records = (20..=280).filter(|seq| seq % every == 0).count() as u64;
        assert_eq!((pack.range.records, pack.range.is_complete()), (records, false));
    }
}

#[test]
fn record_that_left_is_counted() {
    let pack = Files::new(Options { left: &[250, 253, 255], ..COMPLETE }).verify().unwrap();
    assert_eq!((pack.range.records, pack.range.left), (3, 3));
}

#[test]
fn withheld_fields_are_counted() {
    let withheld = &["metadata", "actor_id"];
    let pack = Files::new(Options { withheld, ..COMPLETE }).verify().unwrap();
    assert_eq!(pack.withheld, BTreeMap::from([(field("actor_id"), 6), (field("metadata"), 6)]));
    assert_eq!(pack.erased, BTreeMap::new());
    let mut files = Files::new(Options { withheld, ..COMPLETE });
    files.replace(names::RECORDS, "withheld", "erased");
    assert_eq!(files.verify().unwrap().erased, BTreeMap::from([(field("actor_id"), 1)]));
}

#[test]
fn equal_content_makes_equal_bytes() {
    assert_eq!(Files::new(COMPLETE).zip(), Files::new(COMPLETE).zip());
}

/// Who knows the true value of a withheld field finds nothing in the pack to confirm it with: no salt of the pack, and no
/// other bytes of it, make its commitment of it.
#[test]
fn guess_of_a_withheld_value_cannot_be_confirmed() {
    let files = Files::new(Options { withheld: &["target_id"], ..COMPLETE });
    let bytes: Vec<u8> = files.0.values().flatten().copied().collect();
    let text = String::from_utf8_lossy(&bytes);
    let mut candidates: Vec<[u8; 32]> =
        bytes.windows(32).map(|part| part.try_into().unwrap()).collect();
    let base64 = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
    let decoded = base64.filter_map(|part| STANDARD.decode(part).ok()?.try_into().ok());
    candidates.extend::<Vec<[u8; 32]>>(decoded.collect());
    assert!(candidates.len() > 1000);
    let target = field("target_id");
    for line in files.text(names::RECORDS).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let truth = value(line["seq"].as_u64().unwrap(), target);
        let commitment = line["fields"]["target_id"]["withheld"].as_str().unwrap();
        let commitment: [u8; 32] = STANDARD.decode(commitment).unwrap().try_into().unwrap();
        for salt in &candidates {
            assert_ne!(Salt(*salt).commitment(target, truth.as_deref()), Commitment(commitment));
        }
    }
}

#[test]
fn each_change_is_refused_with_its_place() {
    for (name, options, change, part) in TAMPERINGS {
        let mut files = Files::new(*options);
        assert!(files.verify().is_ok(), "{name}");
        change(&mut files);
        let error = files.verify().unwrap_err();
        assert!(error.is_invalid(), "{name}: {error}");
        let error = error.to_string();
        assert!(error.contains(part), "{name}: {error}");
        assert!(!error.contains('\n'), "{name}: {error}");
    }
}
