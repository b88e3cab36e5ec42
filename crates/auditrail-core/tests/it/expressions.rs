//! Search expressions.

use auditrail_core::{
    Cursor, CursorKey, Expression, Filters, Position, Query, Record, TokenPage, limits,
};
use proptest::prelude::*;

use crate::strategies::{full_json, now, stored_text};

fn parsed(q: &str) -> Expression {
    Expression::parse(q, now()).unwrap()
}

fn filters(pairs: &[(&str, &str)]) -> Filters {
    Filters::from_pairs(pairs.iter().copied(), now()).unwrap()
}

/// The position and the detail of each error.
fn errors(q: &str) -> Vec<(usize, String)> {
    let errors = Expression::parse(q, now()).unwrap_err();
    errors.into_iter().map(|error| (error.position, error.detail)).collect()
}

#[test]
fn errors_say_what_would_be_right() {
    for (q, position, words) in [
        ("acter:ana", 1, "the nearest is \"actor\""),
        ("a user:ana", 3, "the nearest is \"actor\""),
        ("meta.plan:x", 1, "the nearest is \"metadata.plan\""),
        ("see http://x", 5, "put it in quotes"),
        ("intents:all", 1, "a parameter beside q"),
        ("é actor_type:robot", 14, "must be one of user, system, api_key"),
        ("a OR b", 3, "there are no operators"),
        ("actor: ana", 7, "a value must be here"),
        ("\"a", 1, "no closing one"),
        ("", 1, "write a word"),
    ] {
        let [(at, detail)] = errors(q).try_into().unwrap();
        assert_eq!(at, position, "{q}");
        assert!(detail.contains(words), "{q}: {detail}");
    }
    let positions: Vec<usize> = errors("acter:ana x é:y").iter().map(|(at, _)| *at).collect();
    assert_eq!(positions, [1, 13]);
}

#[test]
fn errors_of_a_parameter_have_their_position_in_the_pointer() {
    let refused = Filters::from_pairs([("q", "a acter:ana"), ("limit", "1")], now()).unwrap_err();
    let pointers: Vec<_> = refused.as_slice().iter().map(|error| &*error.pointer).collect();
    assert_eq!(pointers, ["q:3", "limit"]);
}

#[test]
fn terms_that_are_filters_become_filters() {
    let q = "actor:ana action:key.* target:project:p1 tenant:acme ip:10.0.0.0/8 metadata.plan:pro \
             since:7d until:2026-01-02 outcome:denied request:r1";
    let simplified = filters(&[("q", q)]).simplified().into_owned();
    let expected = filters(&[
        ("actor_id", "ana"),
        ("action", "key.*"),
        ("target", "project:p1"),
        ("tenant_id", "acme"),
        ("ip_address", "10.0.0.0/8"),
        ("metadata.plan", "pro"),
        ("since", "7d"),
        ("until", "2026-01-02"),
        ("outcome", "denied"),
        ("request_id", "r1"),
    ]);
    assert_eq!(simplified, expected);
}

#[test]
fn terms_that_are_no_filters_stay() {
    for q in [
        "ana",
        "agent:curl",
        "-actor:ana",
        "actor:ana,bob",
        "actor:ana actor:bob",
        "since:1d until:2d",
    ] {
        let all = filters(&[("q", q)]);
        let rest = all.simplified().q.as_ref().map(ToString::to_string);
        let last = parsed(q).terms().last().map(ToString::to_string);
        assert!(
            rest.is_some() && rest.as_deref().is_some_and(|rest| last.unwrap().ends_with(rest)),
            "{q}"
        );
    }
    let both = filters(&[("actor_id", "ana"), ("q", "actor:bob since:7d"), ("since", "1d")]);
    let simplified = both.simplified();
    assert_eq!(simplified.q.as_ref().map(ToString::to_string).as_deref(), Some("actor:bob"));
    assert_eq!(simplified.created_at, filters(&[("since", "1d")]).created_at);
}

#[test]
fn cursors_are_bound_to_the_expression() {
    let key = CursorKey::public();
    let first = Query::from_pairs([("q", "Ana since:7d")], &key, now()).unwrap();
    let cursor = Cursor {
        created_at: auditrail_core::RecordTime::new(now()).unwrap(),
        id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
    };
    let page = TokenPage { relative_to: first.relative_to, ..TokenPage::default() };
    let token = cursor.encode_page(&first.filters, page, &key);
    let later = "2026-02-02T00:00:00Z".parse().unwrap();
    let next = |q| Query::from_pairs([("q", q), ("cursor", token.as_str())], &key, later);
    assert_eq!(next(" ana  since:7d").unwrap().filters, first.filters);
    assert_eq!(next("ana since:7d").unwrap().position, Position::After(cursor));
    assert!(next("ana since:8d").unwrap_err().to_string().contains("not made for these filters"));
}

#[test]
fn words_are_paged_by_cursor() {
    let offset = |q: &str| {
        let pairs = [("q", q), ("offset", "10")];
        Query::from_pairs(pairs, &CursorKey::public(), now()).map(|_| ())
    };
    assert!(offset("ana").unwrap_err().to_string().contains("use a cursor"));
    assert_eq!(offset("actor:ana"), Ok(()));
}

#[test]
fn every_condition_matches_its_own_records() {
    let record: Record = serde_json::from_value(full_json()).unwrap();
    for (yes, no) in [
        ("curl", "cur"),
        ("CURL*", "url*"),
        ("\"curl/8\"", "\"curl 8\""),
        ("203.0.113.7", "203.0.113.70"),
        ("apollo pro", "apollo free"),
        ("plan", "user"),
        ("project.created", "t1"),
        ("agent:curl", "agent:apollo"),
        ("agent:wget,curl", "agent:wget"),
        ("actor:u1", "actor:u2"),
        ("actor:user:u1", "actor:api_key:u1"),
        ("actor_id:u1", "actor_id:U1"),
        ("actor_type:user,system", "actor_type:system"),
        ("action:project.*", "action:project.made"),
        ("action:key.*,project.created", "action:key.*"),
        ("target:p1", "target:project"),
        ("target:project:p1", "target:key:p1"),
        ("target_id:p1,p2", "target_id:p2"),
        ("target_type:project", "target_type:key"),
        ("tenant:t1", "tenant:t2"),
        ("request:r1", "request:r2"),
        ("outcome:success", "outcome:failure"),
        ("ip:203.0.113.0/24", "ip:203.0.112.0/24"),
        ("id:01890a5d-ac96-774b-bcce-b302099a8057", "id:01890a5d-ac96-774b-bcce-b302099a8058"),
        ("metadata.plan:pro,free", "metadata.plan:free"),
        ("since:2026-01-02T03:04:05Z", "since:2026-01-02T03:04:06Z"),
        ("until:2026-01-02T03:04:06Z", "until:2026-01-02T03:04:05Z"),
    ] {
        assert!(parsed(yes).matches(&record), "{yes}");
        assert!(!parsed(no).matches(&record), "{no}");
        if !yes.contains("since") && !yes.contains("until") {
            let excluded =
                yes.split(' ').map(|term| format!("-{term}")).collect::<Vec<_>>().join(" ");
            assert!(!parsed(&excluded).matches(&record), "{excluded}");
        }
        assert!(!parsed(&format!("{yes} {no}")).matches(&record));
    }
}

/// Expressions that have much of the grammar in them.
fn expression() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "actor:",
        "actor_id:",
        "action:",
        "target:",
        "target_type:",
        "tenant:",
        "request:",
        "agent:",
        "metadata.a:",
        "metadata.a.b:",
        "since:",
        "ip:",
        "actor_type:",
        "outcome:",
        "",
        "",
        "",
    ]);
    let value = prop_oneof![
        "[a-zA-Z0-9.:*_-]{1,8}",
        "\"[a-z,:*\\\\ é-]{0,6}\"",
        Just("\"a \\\" b\\\\\"*".to_owned()),
        Just("user:ana".to_owned()),
        Just("10.0.0.0/8".to_owned()),
        Just("denied".to_owned()),
        Just("7d".to_owned()),
        stored_text(),
    ];
    let values = prop::collection::vec(value, 1..3).prop_map(|values| values.join(","));
    let term = ("-?", key, values).prop_map(|(minus, key, values)| format!("{minus}{key}{values}"));
    prop::collection::vec(term, 0..5).prop_map(|terms| terms.join(" "))
}

proptest! {
    #[test]
    fn parsing_never_panics_and_positions_are_in_the_text(
        q in prop_oneof![expression(), stored_text(), "[-a-z:\",*( ]{0,20}"]
    ) {
        let chars = q.chars().count();
        for error in Expression::parse(&q, now()).err().into_iter().flatten() {
            prop_assert!((1..=chars + 1).contains(&error.position), "{error} in {q:?}");
        }
    }

    #[test]
    fn canonical_form_parses_to_the_same_expression(q in expression()) {
        if let Ok(expression) = Expression::parse(&q, now()) {
            let canonical = expression.to_string();
            prop_assert_eq!(Expression::parse(&canonical, now()), Ok(expression), "{}", canonical);
        }
    }

    #[test]
    fn simplified_filters_match_the_same_records(q in expression()) {
        let record: Record = serde_json::from_value(full_json()).unwrap();
        if let Ok(filters) = Filters::from_pairs([("q", q)], now()) {
            prop_assert_eq!(filters.matches(&record), filters.simplified().matches(&record));
        }
    }

    #[test]
    fn expressions_are_bounded(q in "([a-z]{1,3}[ ,:]){0,3000}") {
        if let Ok(expression) = Expression::parse(&q, now()) {
            prop_assert!(expression.terms().len() <= limits::EXPRESSION_TERMS_MAX);
            prop_assert!(expression.text_terms().count() <= limits::EXPRESSION_PHRASES_MAX);
        }
    }
}
