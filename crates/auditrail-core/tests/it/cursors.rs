//! Cursors: they round-trip, for the filters and the key they were made with only.

use auditrail_core::{
    Cursor, CursorError, CursorKey, Filters, Order, Position, RecordId, RecordTime, TokenPage,
};
use proptest::prelude::*;

use crate::strategies::{good_text, id, now, time};

fn filters(name: &str, value: &str) -> Filters {
    Filters::from_pairs([(name, value)], now()).unwrap()
}

#[test]
fn token_has_its_golden_value() {
    // Computed with a second implementation, outside of this crate.
    let id: RecordId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let cursor = Cursor { created_at: RecordTime::new(now()).unwrap(), id };
    let plain = cursor.encode(&Filters::default(), &CursorKey::public());
    assert_eq!(plain, "AQAGR172TPNAAYkKXayWd0u8zrMCCZqAV6U9NuUXVcbXTqzNKo0kQ8s");
    let filtered = cursor.encode(&filters("actor_id", "u1"), &CursorKey::new([7; 32]));
    assert_eq!(filtered, "AQAGR172TPNAAYkKXayWd0u8zrMCCZqAVzVRNXErYprf_ZK3ANUG3Ps");
}

#[test]
fn invalid_tokens_are_malformed() {
    let key = CursorKey::public();
    let good =
        Cursor { created_at: RecordTime::new(now()).unwrap(), id: RecordId::derived(None, &[]) }
            .encode(&Filters::default(), &key);
    let other_version = format!("E{}", &good[1..]);
    for wrong in
        ["", "x", "!!!", &good[..54], &format!("{good}A"), &format!("{good}="), &other_version]
    {
        let error = Cursor::decode(wrong, &Filters::default(), &key);
        assert_eq!(error, Err(CursorError::Malformed), "{wrong}");
    }
}

#[test]
fn filter_boundaries_are_part_of_the_mac() {
    let cursor =
        Cursor { created_at: RecordTime::new(now()).unwrap(), id: RecordId::derived(None, &[]) };
    let key = CursorKey::public();
    let token = cursor.encode(&filters("metadata.a", "bc"), &key);
    let error = Cursor::decode(&token, &filters("metadata.ab", "c"), &key);
    assert_eq!(error, Err(CursorError::NotForThis));
}

#[test]
fn tokens_are_bound_to_their_order_and_direction() {
    let cursor =
        Cursor { created_at: RecordTime::new(now()).unwrap(), id: RecordId::derived(None, &[]) };
    let (key, filters) = (CursorKey::public(), Filters::default());
    let relative = Some(RecordTime::new(now()).unwrap());
    let mut tokens = Vec::new();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        for (is_backward, relative_to) in
            [(false, None), (true, None), (false, relative), (true, relative)]
        {
            let page = TokenPage { order, is_backward, relative_to };
            let token = cursor.encode_page(&filters, page, &key);
            let expected =
                if is_backward { Position::Before(cursor) } else { Position::After(cursor) };
            assert_eq!(Position::from_token(&token, &filters, order, &key), Ok(expected));
            assert_eq!(Cursor::relative_to(&token), relative_to);
            let other =
                if order == Order::NewestFirst { Order::OldestFirst } else { Order::NewestFirst };
            let refused = Position::from_token(&token, &filters, other, &key);
            assert_eq!(refused, Err(CursorError::NotForThis));
            tokens.push(token);
        }
    }
    // What earlier versions made is the page after a record, newest first.
    assert_eq!(tokens[0], cursor.encode(&filters, &key));
    assert_eq!(Cursor::decode(&tokens[1], &filters, &key), Err(CursorError::NotForThis));
    tokens.dedup();
    assert_eq!(tokens.len(), 8);
}

#[test]
fn debug_hides_the_key() {
    assert_eq!(format!("{:?}", CursorKey::new([65; 32])), "CursorKey(…)");
}

proptest! {
    #[test]
    fn cursor_decodes_for_its_own_filters_only(
        created_at in time(),
        id in id(),
        actor in good_text(),
        other in good_text(),
        secret in any::<[u8; 32]>(),
    ) {
        let cursor = Cursor { created_at, id };
        let key = CursorKey::new(secret);
        let own = filters("actor_id", &actor);
        let token = cursor.encode(&own, &key);
        prop_assert_eq!(token.len(), 55);
        prop_assert_eq!(Cursor::decode(&token, &own, &key), Ok(cursor));
        let refused = Err(CursorError::NotForThis);
        prop_assert_eq!(Cursor::decode(&token, &Filters::default(), &key), refused);
        prop_assert_eq!(Cursor::decode(&token, &filters("target_id", &actor), &key), refused);
        prop_assert_eq!(Cursor::decode(&token, &own, &CursorKey::public()), refused);
        if other != actor {
            prop_assert_eq!(Cursor::decode(&token, &filters("actor_id", &other), &key), refused);
        }
    }

    #[test]
    fn one_changed_character_is_detected(
        created_at in time(),
        id in id(),
        place in 0..55_usize,
        put in "[A-Za-z0-9_-]",
    ) {
        let key = CursorKey::public();
        let token = Cursor { created_at, id }.encode(&Filters::default(), &key);
        let altered = format!("{}{put}{}", &token[..place], &token[place + 1..]);
        prop_assume!(altered != token);
        prop_assert!(Cursor::decode(&altered, &Filters::default(), &key).is_err());
    }

    #[test]
    fn decode_never_panics(text in any::<String>()) {
        let decoded = Cursor::decode(&text, &Filters::default(), &CursorKey::public());
        prop_assert!(decoded.is_err());
    }
}
