//! The fast and the slow path accept the same inputs.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use super::parse::{Writer, parse_valid, parse_with_errors};
use crate::record::NAMES;

fn now() -> Timestamp {
    Timestamp::constant(1_767_323_045, 0)
}

/// JSON texts for values: valid ones for each field, and invalid ones of every kind.
fn value() -> impl Strategy<Value = String> {
    let values = [
        r#""u1""#,
        r#""system""#,
        r#""user""#,
        r#""api_key""#,
        r#""project.created""#,
        r#""a""#,
        r#""01890a5d-ac96-774b-bcce-b302099a8057""#,
        r#""203.0.113.7""#,
        r#""::ffff:1.2.3.4""#,
        r#""2025-01-02T03:04:05+01:00""#,
        r#""2026-01-02T03:09:05Z""#,
        r#""2026-01-02T03:09:06Z""#,
        "null",
        "true",
        "1e999",
        "[]",
        "{}",
        r#"{"a":1}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"a":1e2000}"#,
        r#""""#,
        r#""\n""#,
        r#""\u00e9.x""#,
        r#""\ud83d\ude00""#,
        r#""\ud800""#,
        r#"{"\udc00":1}"#,
    ];
    prop_oneof![
        9 => prop::sample::select(values.to_vec()).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => (495..505_usize).prop_map(|n| format!("\"{}\"", "é".repeat(n))),
    ]
}

/// A valid value of each field, in the order of [`NAMES`].
const VALID: [&str; NAMES.len()] = [
    r#""01890a5d-ac96-774b-bcce-b302099a8057""#,
    r#""system""#,
    r#""system""#,
    r#""a.b""#,
    r#""project""#,
    r#""p1""#,
    r#"{"a":[1,"\u0041"]}"#,
    r#""203.0.113.7""#,
    r#""""#,
    r#""2025-01-02T03:04:05+01:00""#,
    r#""t1""#,
    r#""r1""#,
    r#""denied""#,
    r#""Ada""#,
    r#""Project one""#,
    "null",
];

/// A full record in which some members are replaced, repeated, or have an unknown name.
fn nearly_valid() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        1 => Just(r"actor\u005fid".to_owned()),
        1 => "[a-z]{1,3}",
    ];
    let replaced = vec((0..NAMES.len(), value()), 0..3);
    let added =
        prop_oneof![4 => vec((name.clone(), value()), 0..1), 1 => vec((name, value()), 1..3)];
    (replaced, added, prop::sample::subsequence(NAMES.to_vec(), 9..=NAMES.len())).prop_map(
        |(replaced, added, kept)| {
            let mut values = VALID.map(str::to_owned);
            for (field, value) in replaced {
                values[field] = value;
            }
            let kept = NAMES.iter().zip(values).filter(|(name, _)| kept.contains(name));
            let kept = kept.map(|(name, value)| ((*name).to_owned(), value));
            let members: Vec<String> =
                kept.chain(added).map(|(name, value)| format!("\"{name}\": {value}")).collect();
            format!("{{{}}}", members.join(","))
        },
    )
}

fn assert_paths_agree(text: &str) -> Result<bool, TestCaseError> {
    let fast = parse_valid(text, now(), Writer::Rejected);
    let slow = parse_with_errors(text, now(), Writer::Rejected);
    prop_assert_eq!(fast.as_ref(), slow.as_ref().ok(), "{}", text);
    Ok(fast.is_some())
}

#[test]
fn full_record_is_valid() {
    let members: Vec<String> =
        NAMES.iter().zip(VALID).map(|(name, value)| format!("\"{name}\":{value}")).collect();
    assert!(assert_paths_agree(&format!("{{{}}}", members.join(","))).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn paths_agree_on_nearly_valid_records(text in nearly_valid()) {
        assert_paths_agree(&text)?;
    }

    #[test]
    fn paths_agree_on_damaged_records(
        text in nearly_valid(),
        place in any::<prop::sample::Index>(),
        put in any::<char>(),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let place = place.index(chars.len());
        chars[place] = put;
        assert_paths_agree(&chars.iter().collect::<String>())?;
        assert_paths_agree(&chars[..place].iter().collect::<String>())?;
    }
}
