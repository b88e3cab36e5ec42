//! The fast way and the slow way are one parser.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{explain, parse};
use crate::record::NAMES;

fn now() -> Timestamp {
    Timestamp::constant(1_767_323_045, 0)
}

/// JSON texts for values: right ones for each field, and wrong ones of every kind.
fn value() -> impl Strategy<Value = String> {
    let listed = [
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
        9 => prop::sample::select(listed.to_vec()).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => (495..505_usize).prop_map(|n| format!("\"{}\"", "é".repeat(n))),
    ]
}

/// The right value of each field, in the order of [`NAMES`].
const GOOD: [&str; NAMES.len()] = [
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
];

/// A full record in which some members were replaced, added again, or have a strange name.
fn nearly_good() -> impl Strategy<Value = String> {
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
            let mut values = GOOD.map(str::to_owned);
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

fn same_both_ways(text: &str) -> Result<bool, TestCaseError> {
    let fast = parse::parse(text, now());
    let slow = explain::parse(text, now());
    prop_assert_eq!(fast.as_ref(), slow.as_ref().ok(), "{}", text);
    Ok(fast.is_some())
}

#[test]
fn the_full_record_is_good_both_ways() {
    let members: Vec<String> =
        NAMES.iter().zip(GOOD).map(|(name, value)| format!("\"{name}\":{value}")).collect();
    assert!(same_both_ways(&format!("{{{}}}", members.join(","))).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn fast_and_slow_agree_on_nearly_good_records(text in nearly_good()) {
        same_both_ways(&text)?;
    }

    #[test]
    fn fast_and_slow_agree_on_damaged_records(
        text in nearly_good(),
        place in any::<prop::sample::Index>(),
        put in any::<char>(),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let place = place.index(chars.len());
        chars[place] = put;
        same_both_ways(&chars.iter().collect::<String>())?;
        same_both_ways(&chars[..place].iter().collect::<String>())?;
    }
}
