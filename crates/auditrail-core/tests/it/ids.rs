//! Ids: format and golden values, because a derivation must never change.

use auditrail_core::{ErrorCode, RecordId};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn uuid_v7_matches_the_example_of_the_rfc() {
    // RFC 9562 appendix A.6: 2022-02-22T19:22:22Z, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
    let id = RecordId::from_parts(time("2022-02-22T19:22:22Z"), random);
    assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

#[test]
fn derived_ids_have_golden_values() {
    type Parts<'a> = &'a [&'a [u8]];
    // Computed with a second implementation, outside of this crate.
    let at = Some(time("2026-01-02T03:04:05.000006Z"));
    let cases: [(_, Parts<'_>, _); 6] = [
        (at, &[b"audit.ndjson", b"7", b"{}"], "019b7ca9-8c88-7878-9283-1fa090a29246"),
        (at, &[b"audit.ndjson", b"7{", b"}"], "019b7ca9-8c88-73c5-a067-7945fb525c84"),
        (at, &[], "019b7ca9-8c88-7117-8577-ffc9aa917621"),
        (None, &[b"audit.ndjson", b"7", b"{}"], "30e5e695-3693-8741-bfca-17ca8e7d1be6"),
        (None, &[], "15f0a69c-46a5-8b57-8ae6-0667baf2a547"),
        (Some(time("1969-12-31T23:59:59Z")), &[b"x"], "00000000-0000-720d-824c-0aa37b7da1bf"),
    ];
    for (time, parts, expected) in cases {
        assert_eq!(RecordId::derived(time, parts).to_string(), expected);
    }
}

#[test]
fn uuid_is_parsed_in_its_two_plain_forms() {
    let printed = "01890a5d-ac96-774b-bcce-b302099a8057";
    let id: RecordId = printed.parse().unwrap();
    assert_eq!(id.to_string(), printed);
    assert_eq!("01890A5DAC96774BBCCEB302099A8057".parse(), Ok(id));
    let braced = format!("{{{printed}}}");
    let urn = format!("urn:uuid:{printed}");
    for wrong in ["", "7", "01890a5d-ac96-774b-bcce-b302099a805", &braced, &urn] {
        let error = wrong.parse::<RecordId>().err().map(|error| error.code());
        assert_eq!(error, Some(ErrorCode::BadFormat), "{wrong}");
    }
}

proptest! {
    #[test]
    fn derived_ids_have_their_time_and_delimit_parts(
        millis in 0..4_000_000_000_000_i64,
        text in proptest::collection::vec(any::<u8>(), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let at = Timestamp::from_millisecond(millis).unwrap();
        let (a, b) = text.split_at(cut.index(text.len()));
        let id = RecordId::derived(Some(at), &[a, b]);
        prop_assert_eq!(id, RecordId::derived(Some(at), &[a, b]));
        prop_assert_ne!(id, RecordId::derived(Some(at), &[&text]));
        prop_assert_eq!(id.as_uuid().get_version_num(), 7);
        prop_assert_eq!(id.as_uuid().get_variant(), uuid::Variant::RFC4122);
        let bits = id.as_uuid().as_u128() >> 80;
        prop_assert_eq!(bits, u128::try_from(millis).unwrap());
        let timeless = RecordId::derived(None, &[a, b]);
        prop_assert_eq!(timeless.as_uuid().get_version_num(), 8);
    }

    #[test]
    fn uuids_round_trip_through_text(bits in any::<u128>()) {
        let id = RecordId::from(Uuid::from_u128(bits));
        prop_assert_eq!(id.to_string().parse::<RecordId>(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<RecordId>(&json).unwrap(), id);
    }
}
