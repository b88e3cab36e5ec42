//! API keys: format and golden values, because keys are stored in the configuration of clients.

use auditrail_core::{
    Actor, ApiKey, ApiKeyEnv, ApiKeyHash, ApiKeyId, ApiKeySecret, ApiKeySecretError, ApiKeyState,
    NewApiKey, RecordTime, Scope, ScopeSet, ValueError, limits,
};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

fn secret(env: &str, random: [u8; 20]) -> ApiKeySecret {
    ApiKeySecret::from_random(&env.parse().unwrap(), &random)
}

fn counting(start: u8) -> [u8; 20] {
    std::array::from_fn(|n| start + u8::try_from(n).unwrap())
}

#[test]
fn keys_and_hashes_have_golden_values() {
    // Computed with a second implementation, outside of this crate: zlib's CRC-32, SHA-256.
    let cases = [
        (
            secret("live", [0; 20]),
            "adt_live_000000000000000000000000000_27iyFv",
            "c1a47e966b2ca97559a831127a66bd7c0e29a1d539364bb3667f4a846c9b8d88",
        ),
        (
            secret("live", counting(0)),
            "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP",
            "d393de705db2be8497d1da900dfa15f4897af5c2427959e684b09d034c8efaa4",
        ),
        (
            secret("test", [0xff; 20]),
            "adt_test_aWgEPTl1tmebfsQzFP4bxwgy80V_4e2Nr4",
            "a68c5391b8f94c663b6846e031ff452c021a747dbfd2d5fc24d8593b08428bee",
        ),
        (
            secret("aaaaaaaaaaaaaaaa", counting(235)),
            "adt_aaaaaaaaaaaaaaaa_Xf5p7QJMU8ZIInEdY5z6YLmXQa6_2NWg4g",
            "b00696c7c6d479cdba37ff48ccef508f523c7b01e18fa73ccae4ab7e19c8ee9e",
        ),
    ];
    for (key, text, hash) in cases {
        assert_eq!(key.expose(), text);
        assert_eq!(key.hash().to_string(), hash);
        assert_eq!(text.parse::<ApiKeySecret>().unwrap().hash(), key.hash());
    }
}

#[test]
fn invalid_keys_are_rejected_without_quoting_them() {
    let good = "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP";
    for wrong in [
        "",
        "adt_live",
        "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1b",
        "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1_2mCDPP",
        "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1bb_2mCDPP",
        "adt__0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP",
        "adt_Live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP",
        "adt_livelivelivelivel_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP",
        "abc_live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP",
        "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1-_2mCDPP",
        "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1ü_2mCDPP",
        &format!(" {good}"),
        &format!("{good}\n"),
    ] {
        let error = wrong.parse::<ApiKeySecret>().unwrap_err();
        assert_eq!(error, ApiKeySecretError::Malformed, "{wrong:?}");
    }
    let error = good.replace("002", "003").parse::<ApiKeySecret>().unwrap_err();
    assert_eq!(error, ApiKeySecretError::Checksum);
    assert!(!error.to_string().contains("sS3y"));
}

#[test]
fn formatting_shows_the_hint_and_never_the_secret() {
    let key = secret("live", counting(0));
    assert_eq!(key.hint().as_str(), "adt_live_0029");
    assert_eq!(key.env().as_str(), "live");
    assert_eq!(key.to_string(), "adt_live_0029…");
    assert_eq!(format!("{key:?}"), "ApiKeySecret(adt_live_0029…)");
    assert_eq!(format!("{:?}", Some(&key)), "Some(ApiKeySecret(adt_live_0029…))");
    let longest = secret("aaaaaaaaaaaaaaaa", [7; 20]);
    assert_eq!(longest.expose().len(), limits::KEY_MAX_CHARS);
    assert_eq!(longest.hint().as_str().len(), limits::KEY_HINT_MAX_CHARS);
}

#[test]
fn hashes_are_equal_if_all_bytes_are() {
    let bytes = counting(1);
    let mut a = [0; 32];
    a[..20].copy_from_slice(&bytes);
    for place in 0..32 {
        let mut b = a;
        b[place] ^= 1;
        assert_ne!(ApiKeyHash::from_bytes(a), ApiKeyHash::from_bytes(b), "byte {place}");
    }
    assert_eq!(ApiKeyHash::from_bytes(a), ApiKeyHash::from_bytes(a));
}

#[test]
fn scopes_imply_no_other_and_sets_are_not_empty() {
    for scope in Scope::ALL {
        let set = ScopeSet::from(scope);
        for other in Scope::ALL {
            assert_eq!(set.contains(other), scope == other);
        }
        assert_eq!(scope.as_str().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
    }
    assert_eq!(ScopeSet::new([]), Err(ValueError::Empty));
    let error = "root".parse::<Scope>().unwrap_err();
    assert_eq!(error.to_string(), "must be one of write, read, export, admin, verify, erase");
}

#[test]
fn scope_sets_are_ordered_without_repetitions() {
    let set = ScopeSet::new([Scope::Admin, Scope::Write, Scope::Admin]).unwrap();
    assert_eq!(set.to_string(), "write,admin");
    assert_eq!(serde_json::to_string(&set).unwrap(), r#"["write","admin"]"#);
    assert_eq!(serde_json::from_str::<ScopeSet>(r#"["admin","write"]"#).unwrap(), set);
    serde_json::from_str::<ScopeSet>("[]").unwrap_err();
    serde_json::from_str::<ScopeSet>(r#"["write","root"]"#).unwrap_err();
}

fn api_key(expires: Option<&str>, revoked: Option<&str>) -> ApiKey {
    let time = |text: &str| text.parse::<RecordTime>().unwrap();
    ApiKey {
        id: ApiKeyId::from(Uuid::from_u128(7)),
        hint: "adt_live_0029".parse().unwrap(),
        name: None,
        scopes: Scope::Write.into(),
        tenant_id: Some("t1".parse().unwrap()),
        created_at: time("2026-01-01T00:00:00Z"),
        created_by: Actor::user("cli:ana").unwrap(),
        expires_at: expires.map(time),
        revoked_at: revoked.map(time),
    }
}

#[test]
fn key_is_active_until_it_expires_or_is_revoked() {
    let at = |text: &str| text.parse().unwrap();
    let (before, end) = (at("2026-01-02T03:04:04.999999Z"), at("2026-01-02T03:04:05Z"));
    assert_eq!(api_key(None, None).state(end), ApiKeyState::Active);
    let expiring = api_key(Some("2026-01-02T03:04:05Z"), None);
    assert_eq!(expiring.state(before), ApiKeyState::Active);
    assert_eq!(expiring.state(end), ApiKeyState::Expired);
    // The clock that revoked it may be ahead of this one.
    let revoked = api_key(Some("2026-01-02T03:04:05Z"), Some("2027-01-01T00:00:00Z"));
    assert_eq!(revoked.state(before), ApiKeyState::Revoked);
    assert_eq!(revoked.state(end), ApiKeyState::Revoked);
}

#[test]
fn new_key_that_has_expired_is_rejected() {
    let now: RecordTime = "2026-01-02T03:04:05Z".parse().unwrap();
    let new = |expires: Option<&str>| NewApiKey {
        env: ApiKeyEnv::default(),
        name: None,
        scopes: Scope::Read.into(),
        tenant_id: None,
        expires_at: expires.map(|text| text.parse().unwrap()),
    };
    let error = ValueError::OutOfRange { range: "in the future" };
    assert_eq!(new(Some("2026-01-02T03:04:05Z")).check_expiry(now), Err(error));
    assert_eq!(new(Some("2026-01-02T03:04:05.000001Z")).check_expiry(now), Ok(()));
    assert_eq!(new(None).check_expiry(now), Ok(()));
}

#[test]
fn key_is_flat_json_and_is_its_own_actor_and_target() {
    let key = api_key(None, None);
    let id = "00000000-0000-0000-0000-000000000007";
    assert_eq!(
        serde_json::to_value(&key).unwrap(),
        json!({
            "id": id, "hint": "adt_live_0029", "name": null, "scopes": ["write"],
            "tenant_id": "t1", "created_at": "2026-01-01T00:00:00.000000Z",
            "created_by": "user:cli:ana", "expires_at": null, "revoked_at": null,
        })
    );
    assert_eq!(key.actor().to_string(), format!("api_key:{id}"));
    assert_eq!(key.target().to_string(), format!("api_key:{id}"));
    assert_eq!(id.parse(), Ok(key.id));
}

proptest! {
    #[test]
    fn every_key_prints_and_parses_back(env in "[a-z0-9]{1,16}", random: [u8; 20]) {
        let key = secret(&env, random);
        let read: ApiKeySecret = key.expose().parse().unwrap();
        prop_assert_eq!(read.expose(), key.expose());
        let label = read.env();
        prop_assert_eq!(label.as_str(), env);
        prop_assert_eq!(read.hint(), key.hint());
        let hint = key.hint().as_str().parse::<auditrail_core::ApiKeyHint>();
        prop_assert_eq!(hint, Ok(key.hint()));
        let hidden = &key.expose()[key.hint().as_str().len()..];
        let shown = format!("{key:?} {key}");
        prop_assert!(!shown.contains(&hidden[..8]));
    }

    #[test]
    fn different_bytes_make_different_keys(a: [u8; 20], b: [u8; 20]) {
        let (one, other) = (secret("live", a), secret("live", b));
        prop_assert_eq!(a == b, one.expose() == other.expose());
    }

    #[test]
    fn one_changed_character_is_always_rejected(
        env in "[a-z0-9]{1,16}",
        random: [u8; 20],
        place: prop::sample::Index,
        put in proptest::char::range(' ', '~'),
    ) {
        let key = secret(&env, random);
        let mut text: Vec<char> = key.expose().chars().collect();
        let place = place.index(text.len());
        prop_assume!(text[place] != put);
        text[place] = put;
        let text: String = text.into_iter().collect();
        prop_assert!(text.parse::<ApiKeySecret>().is_err(), "{} at {}", text, place);
    }

    #[test]
    fn one_lost_or_repeated_character_is_always_rejected(
        random: [u8; 20],
        place: prop::sample::Index,
    ) {
        let good = secret("live", random).expose().to_owned();
        let place = place.index(good.len());
        let (head, tail) = good.split_at(place);
        let shorter = format!("{head}{}", &tail[1..]);
        prop_assert!(shorter.parse::<ApiKeySecret>().is_err());
        let longer = format!("{head}{}{tail}", &tail[..1]);
        prop_assert!(longer.parse::<ApiKeySecret>().is_err());
    }
}
