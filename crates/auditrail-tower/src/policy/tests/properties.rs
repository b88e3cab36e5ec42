//! Properties of paths, documents and policies.

use proptest::prelude::*;
use serde_json::Value;

use super::super::pattern::{RoutePattern, StatusPattern};
use super::super::pointer::Pointer;
use super::super::{Policy, Redaction, picked};
use super::first_params;

/// A segment with ordinary and significant characters of paths.
fn segment() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._~!$&'()+,;=:@ä😀-]{1,8}"
}

/// A character, percent-encoded or literal.
fn encoded(c: char, escaped: bool) -> String {
    if escaped || !c.is_ascii() || c == '%' {
        let mut bytes = [0; 4];
        return c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
    }
    c.to_string()
}

proptest! {
    #[test]
    fn encoding_of_a_path_does_not_evade_its_route(
        segments in prop::collection::vec(segment(), 1..5),
        parameter in any::<prop::sample::Index>(),
        escapes in prop::collection::vec(any::<bool>(), 40),
        slashes in prop::collection::vec(prop::sample::select(vec!["/", "//", "\\", "/\\/"]), 6),
        end in prop::sample::select(vec!["", "/", "//", "?a=/b", "#c", "/?x"]),
        origin in prop::sample::select(vec!["", "http://host", "HTTPS://u@h:1"]),
        upper in any::<bool>(),
    ) {
        let at = parameter.index(segments.len());
        let route: String = segments.iter().enumerate().map(|(place, text)| {
            // As it is, it would look like another framework's parameter, and be refused.
            let colon = text.strip_prefix(':').map(|rest| format!("%3A{rest}"));
            let text = colon.as_ref().unwrap_or(text);
            if place == at { "/{id}".to_owned() } else { format!("/{text}") }
        }).collect();
        let mut escapes = escapes.into_iter().cycle();
        let path: String = segments.iter().zip(&slashes).enumerate().map(|(place, (text, slash))| {
            let text = if upper && place != at { text.to_uppercase() } else { text.clone() };
            let text: String = text.chars().map(|c| encoded(c, escapes.next() == Some(true))).collect();
            format!("{slash}{text}")
        }).collect();
        let slash = if origin.is_empty() { "" } else { "/" };
        let target = format!("{origin}{slash}{path}{end}");
        let pattern = RoutePattern::parse(&route).map_err(TestCaseError::fail)?;
        let found = first_params(&pattern, &target);
        prop_assert_eq!(found, Some(vec![Box::from(segments[at].as_str())]), "{} {}", route, target);
    }

    #[test]
    fn parsers_accept_any_text_without_panics(text in ".{0,60}", path in ".{0,60}") {
        if let Ok(route) = RoutePattern::parse(&text) {
            let names = route.parameters().count();
            if let Some(params) = first_params(&route, &path) {
                prop_assert_eq!(params.len(), names);
            }
        }
        drop(Policy::parse(&text, "p"));
        drop(StatusPattern::parse(&text));
    }

    #[test]
    fn picked_values_keep_their_position(
        steps in prop::collection::vec("[a-z~/0-9]{0,4}", 1..5),
        value in any::<i64>(),
    ) {
        let pointer_text: String = steps.iter().map(|step| {
            format!("/{}", step.replace('~', "~0").replace('/', "~1"))
        }).collect();
        let document = steps.iter().rev().fold(Value::from(value), |inner, step| {
            Value::Object([(step.clone(), inner)].into_iter().collect())
        });
        let pointer = Pointer::parse(&pointer_text).ok_or_else(|| TestCaseError::fail("no pointer"))?;
        prop_assert_eq!(pointer.steps(), &steps[..]);
        prop_assert_eq!(pointer.find(&document), Some(&Value::from(value)));
        let picked = picked(&document, std::slice::from_ref(&pointer));
        prop_assert_eq!(picked.as_ref(), Some(&document));
        let redaction = Redaction::new([pointer_text.as_str()]);
        let clean = redaction.clean(&document);
        prop_assert!(clean.as_ref().and_then(|clean| pointer.find(clean)).is_none());
    }

    #[test]
    fn secrets_are_removed_at_any_depth(
        path in prop::collection::vec("[a-z]{1,3}|[0-2]", 0..4),
        name in prop::sample::select(vec!["password", "PassWord", "AUTHORIZATION", "set-cookie", "X-Api-Key"]),
        list in any::<bool>(),
    ) {
        let secret = Value::Object([(name.to_owned(), "planted".into())].into_iter().collect());
        let document = path.iter().rev().fold(secret, |inner, step| {
            if list { Value::Array(vec![inner]) } else { Value::Object([(step.clone(), inner)].into_iter().collect()) }
        });
        let clean = Redaction::new(["password"]).clean(&document);
        prop_assert!(!serde_json::to_string(&clean).unwrap_or_default().contains("planted"));
    }
}
