//! Searches as named parameters.

use auditrail_core::{
    Action, ActionFilter, Count, Cursor, CursorKey, Filters, PageSize, Position, Query, RecordId,
    RecordTime, TokenPage, ValidationErrors, limits,
};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::strategies::{action_text, good_text, now, target_type_text, time};

fn shown(errors: ValidationErrors) -> Vec<String> {
    errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
}

fn refused(pairs: &[(&str, &str)]) -> Vec<String> {
    shown(Query::from_pairs(pairs.iter().copied(), &CursorKey::public(), now()).unwrap_err())
}

fn filters(pairs: &[(&str, &str)]) -> Filters {
    Filters::from_pairs(pairs.iter().copied(), now()).unwrap()
}

#[test]
fn every_parameter_is_parsed() {
    let pairs = [
        ("actor_id", "u1"),
        ("actor_type", "user"),
        ("action", "project.*"),
        ("target_type", "project"),
        ("target_id", "p1"),
        ("tenant_id", "t1"),
        ("request_id", "r1"),
        ("outcome", "denied"),
        ("intents", "all"),
        ("ip_address", "10.1.2.3/8"),
        ("start_date", "2026-01-01"),
        ("end_date", "2026-01-02T00:00:00+01:00"),
        ("metadata.a.b", "1"),
        ("metadata.plan", ""),
        ("q", "Ana actor_id:u1"),
    ];
    let pairs: Vec<String> =
        filters(&pairs).to_pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        pairs,
        [
            "actor_id=u1",
            "actor_type=user",
            "action=project.*",
            "target_type=project",
            "target_id=p1",
            "tenant_id=t1",
            "request_id=r1",
            "outcome=denied",
            "intents=all",
            "ip_address=10.0.0.0/8",
            "start_date=2026-01-01T00:00:00.000000Z",
            "end_date=2026-01-01T23:00:00.000000Z",
            "metadata.a.b=1",
            "metadata.plan=",
            "q=ana actor_id:u1",
        ]
    );
}

#[test]
fn every_name_and_other_name_is_parsed() {
    let values = |name: &str| match name {
        "actor" => "user:ana",
        "actor_type" => "user",
        "target" => "project:p1",
        "outcome" => "denied",
        "intents" => "open",
        "ip_address" => "10.0.0.0/8",
        "since" | "until" => "2026-01-02T03:04:05Z",
        _ => "x",
    };
    for name in Filters::NAMES {
        assert_ne!(filters(&[(name, values(name))]), Filters::default(), "{name}");
    }
    for (other, name) in Filters::OTHER_NAMES {
        let value = values(name);
        assert_eq!(filters(&[(other, value)]), filters(&[(name, value)]), "{other}");
        let refused = Filters::from_pairs([(other, value), (name, value)], now()).unwrap_err();
        let expected = format!("{name}: is the same filter as `{other}`, which is given too");
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn actor_and_target_are_type_and_id() {
    let both = filters(&[("actor", "user:ana"), ("target", "project:p1")]);
    let parts = [
        ("actor_type", "user"),
        ("actor_id", "ana"),
        ("target_type", "project"),
        ("target_id", "p1"),
    ];
    assert_eq!(both, filters(&parts));
    assert_eq!(
        filters(&[("actor", "system")]),
        filters(&[("actor_type", "system"), ("actor_id", "system")])
    );
    for (pair, part) in [(("actor", "user:ana"), "actor_id"), (("target", "a:b"), "target_type")] {
        let errors = Filters::from_pairs([(part, "ana"), pair], now()).unwrap_err();
        let expected = format!("{part}: is a part of `{}`, which is given too", pair.0);
        assert_eq!(errors.to_string(), expected);
    }
    assert_eq!(
        refused(&[("actor", "ana"), ("target", "p1")]),
        ["actor bad_format", "target bad_format"]
    );
}

#[test]
fn unknown_names_get_the_nearest_and_all() {
    let detail = |name: &str| {
        let errors = Query::from_pairs([(name, "x")], &CursorKey::public(), now()).unwrap_err();
        errors.as_slice()[0].detail.clone()
    };
    for (name, nearest) in [
        ("sinse", "since"),
        ("from", "since"),
        ("to", "until"),
        ("actor-id", "actor_id"),
        ("actorId", "actor_id"),
        ("startDate", "start_date"),
        ("ipaddress", "ip_address"),
        ("metadata", "metadata.KEY"),
        ("meta.plan", "metadata.plan"),
        ("cursors", "cursor"),
        ("resource", "target"),
    ] {
        let detail = detail(name);
        assert!(detail.contains(&format!("; the nearest is `{nearest}`;")), "{name}: {detail}");
        for known in Filters::NAMES.iter().chain(&["metadata.KEY", "limit", "offset"]) {
            assert!(detail.contains(&format!("`{known}`")), "{known}: {detail}");
        }
    }
    assert!(!detail("xyzzy").contains("nearest"));
    let two = Filters::from_pairs([("colour", ""), ("shape", "")], now()).unwrap_err();
    assert!(!two.as_slice()[1].detail.contains("until"), "{two}");
}

#[test]
fn metadata_has_two_notations() {
    let dotted = filters(&[("metadata.http.status", "404")]);
    assert_eq!(dotted, filters(&[("metadata[http.status]", "404")]));
    assert_eq!(dotted.metadata[0].path(), Some(vec!["http", "status"]));
    assert_eq!(filters(&[("metadata[a]b]", "")]).metadata[0].key(), "a]b");
    let both = [("metadata[a]", "1"), ("metadata.a", "1")];
    assert_eq!(refused(&both), ["metadata.a duplicate_field"]);
    assert_eq!(
        refused(&[("metadata[]", "x"), ("metadata[a", "x"), ("metadata", "x")]),
        ["metadata[] empty", "metadata[a unknown_field", "metadata unknown_field"]
    );
    let deep = vec!["a"; limits::METADATA_MAX_DEPTH + 1].join(".");
    assert_eq!(filters(&[(&format!("metadata.{deep}"), "x")]).metadata[0].path(), None);
}

#[test]
fn later_pages_keep_the_range_of_relative_times() {
    let key = CursorKey::public();
    let later = "2030-01-01T00:00:00Z".parse().unwrap();
    let pair = ("since", "7d");
    let first = Query::from_pairs([pair], &key, now()).unwrap();
    let cursor =
        Cursor { created_at: RecordTime::new(now()).unwrap(), id: RecordId::derived(None, &[]) };
    let page = TokenPage { relative_to: first.relative_to, ..TokenPage::default() };
    let token = cursor.encode_page(&first.filters, page, &key);
    let second = Query::from_pairs([pair, ("cursor", token.as_str())], &key, later).unwrap();
    assert_eq!((second.filters.clone(), second.relative_to), (first.filters, first.relative_to));
    assert_eq!(second.position, Position::After(cursor));
    // The command for the next page, and links, have the absolute times.
    let mut pairs = second.filters.to_pairs();
    pairs.push(("cursor".into(), token.clone()));
    assert!(Query::from_pairs(pairs, &key, later).is_ok());
    for pairs in [[("since", "8d"), ("cursor", &token)], [("until", "7d"), ("cursor", &token)]] {
        assert_eq!(refused(&pairs), ["cursor invalid_cursor"]);
    }
}

#[test]
fn a_page_has_one_position() {
    let id = RecordId::derived(None, &[]);
    let around = Query::from_pairs([("around", id.to_string())], &CursorKey::public(), now());
    assert_eq!(around.unwrap().position, Position::Around(id));
    let id = id.to_string();
    assert_eq!(refused(&[("around", &id), ("offset", "1")]), ["around conflict"]);
    let all = [("around", id.as_str()), ("offset", "1"), ("cursor", "x")];
    assert_eq!(refused(&all), ["offset conflict", "around conflict"]);
    assert_eq!(refused(&[("around", "x")]), ["around bad_format"]);
    assert_eq!(refused(&[("order", "up")]), ["order unknown_value"]);
}

#[test]
fn no_parameters_match_everything_in_default_pages() {
    let query = Query::from_pairs([("", ""); 0], &CursorKey::public(), now()).unwrap();
    assert_eq!(query, Query::default());
    assert_eq!((query.limit.get(), query.position), (100, Position::Offset(0)));
}

#[test]
fn every_invalid_parameter_is_reported_by_name() {
    let wrong = [
        ("actor_id", ""),
        ("actor_type", "robot"),
        ("action", "*"),
        ("target_type", "x\u{0}"),
        ("tenant_id", "t1"),
        ("tenant_id", "t2"),
        ("ip_address", "10.0.0.0/33"),
        ("start_date", "yesterday"),
        ("end_date", "300000-01-01"),
        ("metadata.", "x"),
        ("limit", "0"),
        ("offset", "-1"),
        ("count", "yes"),
        ("colour", "red"),
    ];
    assert_eq!(
        refused(&wrong),
        [
            "actor_id empty",
            "actor_type unknown_value",
            "action bad_format",
            "target_type control_character",
            "tenant_id duplicate_field",
            "ip_address bad_format",
            "start_date bad_format",
            "end_date out_of_range",
            "metadata. empty",
            "limit out_of_range",
            "offset bad_format",
            "count unknown_value",
            "colour unknown_field",
        ]
    );
}

#[test]
fn hostile_query_gets_a_short_error() {
    let pairs = (0..200_000).map(|n| (format!("x{n}"), ""));
    let errors = Filters::from_pairs(pairs, now()).unwrap_err();
    assert_eq!(errors.as_slice().len(), limits::REPORTED_ERRORS_MAX);
}

#[test]
fn paging_parameters_are_no_filters() {
    assert_eq!(
        shown(Filters::from_pairs([("limit", "5")], now()).unwrap_err()),
        ["limit unknown_field"]
    );
}

#[test]
fn time_range_must_not_be_empty() {
    let range = |start, end| [("start_date", start), ("end_date", end)];
    assert_eq!(refused(&range("2026-01-02", "2026-01-01")), ["end_date empty_range"]);
    assert_eq!(refused(&range("2026-01-01", "2026-01-01")), ["end_date empty_range"]);
    let result = filters(&range("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"));
    assert!(result.created_at.start() < result.created_at.end());
    assert_eq!(filters(&[("start_date", "2026-01-01")]).created_at.end(), None);
}

#[test]
fn limits_are_exact() {
    let limit = |text: &str| text.parse::<PageSize>().ok().map(PageSize::get);
    assert_eq!(
        (limit("1"), limit("1000"), limit("1001"), limit("0")),
        (Some(1), Some(1_000), None, None)
    );
    for wrong in ["", "+1", " 1", "1.0", "99999999999999999999999"] {
        assert_eq!(limit(wrong), None, "{wrong}");
    }
    assert_eq!(Position::parse_offset("100000"), Ok(Position::Offset(limits::OFFSET_MAX)));
    assert!(Position::parse_offset("100001").is_err());
    assert_eq!("exact".parse(), Ok(Count::Exact));
    assert_eq!("estimated".parse(), Ok(Count::Estimated));
}

#[test]
fn metadata_filters_are_limited_in_number_and_length() {
    let names: Vec<String> =
        (0..=limits::METADATA_FILTERS_MAX).map(|n| format!("metadata.k{n}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(filters(&pairs[1..]).metadata.len(), limits::METADATA_FILTERS_MAX);
    assert_eq!(refused(&pairs), ["metadata.k10 too_many"]);
    let long = "é".repeat(limits::METADATA_FILTER_VALUE_MAX_CHARS);
    assert_eq!(filters(&[("metadata.a", &long)]).metadata[0].value(), long);
    assert_eq!(refused(&[("metadata.a", &format!("{long}é"))]), ["metadata.a too_long"]);
    assert_eq!(refused(&[("metadata.a", "\0")]), ["metadata.a control_character"]);
    assert_eq!(filters(&[("metadata.a", "two\nlines")]).metadata[0].key(), "a");
}

#[test]
fn action_filter_is_exact_or_a_prefix() {
    let parsed = |text: &str| text.parse::<ActionFilter>();
    assert!(matches!(parsed("project.*"), Ok(ActionFilter::Prefix(p)) if p.as_str() == "project."));
    assert!(matches!(parsed("a.b.*"), Ok(ActionFilter::Prefix(p)) if p.as_str() == "a.b."));
    assert_eq!(parsed("key.created"), Ok(ActionFilter::Exact(Action::KeyCreated)));
    assert_eq!(parsed("odd"), Ok(ActionFilter::Exact(Action::from_stored("odd"))));
    assert_eq!(parsed("pro*"), Ok(ActionFilter::Exact(Action::from_stored("pro*"))));
    assert!(parsed(".*").is_err());
}

#[test]
fn cursor_and_offset_exclude_each_other() {
    let key = CursorKey::public();
    let cursor =
        Cursor { created_at: RecordTime::new(now()).unwrap(), id: RecordId::derived(None, &[]) };
    let token = cursor.encode(&filters(&[("actor_id", "u1")]), &key);
    let pairs = [("cursor", token.as_str()), ("actor_id", "u1")];
    let query = Query::from_pairs(pairs, &key, now()).unwrap();
    assert_eq!(query.position, Position::After(cursor));
    assert_eq!(refused(&[("cursor", &token), ("actor_id", "u2")]), ["cursor invalid_cursor"]);
    assert_eq!(refused(&[("cursor", "x")]), ["cursor invalid_cursor"]);
    let both = [("cursor", token.as_str()), ("offset", "1"), ("actor_id", "u1")];
    assert_eq!(refused(&both), ["offset conflict"]);
}

#[test]
fn parameter_errors_serialize_like_field_errors() {
    let errors = Filters::from_pairs([("actor_type", "robot")], now()).unwrap_err();
    let expected: Value = json!([{
        "pointer": "actor_type", "code": "unknown_value",
        "detail": "must be one of user, system, api_key",
    }]);
    assert_eq!(serde_json::to_value(errors).unwrap(), expected);
}

prop_compose! {
    fn any_pairs()(
        actor_id in option::of(good_text()),
        action in option::of(prop_oneof![action_text(), Just("iam.*".to_owned())]),
        target_type in option::of(target_type_text()),
        request_id in option::of(good_text()),
        ip_address in option::of(crate::strategies::network().prop_map(|net| net.to_string())),
        times in option::of((time(), time()).prop_filter("a range", |(a, b)| a < b)),
        metadata in proptest::collection::btree_map("[a-z.]{1,5}", "[ -~]{0,9}", 0..4),
    ) -> Vec<(String, String)> {
        let (start, end) = times.unzip();
        let named = [
            ("actor_id", actor_id),
            ("action", action),
            ("target_type", target_type),
            ("request_id", request_id),
            ("ip_address", ip_address),
            ("start_date", start.map(|time| time.to_string())),
            ("end_date", end.map(|time| time.to_string())),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        named.chain(metadata.into_iter().map(|(key, value)| (format!("metadata.{key}"), value))).collect()
    }
}

proptest! {
    #[test]
    fn filters_round_trip_through_parameters(pairs in any_pairs()) {
        let filters = Filters::from_pairs(pairs.iter().cloned(), now()).unwrap();
        prop_assert_eq!(Filters::from_pairs(filters.to_pairs(), now()).unwrap(), filters.clone());
        let reversed = Filters::from_pairs(pairs.into_iter().rev(), now()).unwrap();
        prop_assert_eq!(reversed, filters, "the order of parameters does not matter");
    }

    #[test]
    fn parser_never_panics(name in any::<String>(), value in any::<String>()) {
        let named: Vec<_> = Filters::NAMES.iter().map(|known| (*known, value.as_str())).collect();
        for pairs in [named, vec![(name.as_str(), value.as_str())]] {
            if let Ok(filters) = Filters::from_pairs(pairs, now()) {
                prop_assert_eq!(Filters::from_pairs(filters.to_pairs(), now()), Ok(filters));
            }
        }
    }
}
