//! Text types: exact limits, control characters, and text forms of the command line.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use auditrail_core::{
    Action, Actor, ActorId, ActorType, ErrorCode, RequestId, Target, TargetId, TargetType,
    TenantId, UserAgent, ValueError, limits,
};
use proptest::prelude::*;

use crate::strategies::{action_text, good_text, stored_text, target_type_text};

fn code<T: FromStr<Err = ValueError>>(text: &str) -> Option<ErrorCode> {
    text.parse::<T>().err().map(|error| error.code())
}

/// Checks the rules of every text type, with characters of one to four bytes.
fn holds_its_limit<T: FromStr<Err = ValueError>>(start: &str, max: usize) {
    for filler in ["x", "é", "€", "😀"] {
        let of = |chars: usize| start.to_owned() + &filler.repeat(chars - start.len());
        assert_eq!(code::<T>(&of(max - 1)), None);
        assert_eq!(code::<T>(&of(max)), None);
        let error = of(max + 1).parse::<T>().err();
        assert_eq!(error, Some(ValueError::TooLong { chars: max + 1, max }));
    }
    for control in ['\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
        let error = format!("{start}é{control}x").parse::<T>().err();
        let at = start.len() + 2;
        assert_eq!(error, Some(ValueError::ControlCharacter { code: control.into(), at }));
    }
}

#[test]
fn limits_count_chars_and_control_chars_are_rejected() {
    holds_its_limit::<ActorId>("", limits::ACTOR_ID_MAX_CHARS);
    holds_its_limit::<TargetId>("", limits::TARGET_ID_MAX_CHARS);
    holds_its_limit::<UserAgent>("", limits::USER_AGENT_MAX_CHARS);
    holds_its_limit::<TenantId>("", limits::TENANT_ID_MAX_CHARS);
    holds_its_limit::<RequestId>("", limits::REQUEST_ID_MAX_CHARS);
    holds_its_limit::<TargetType>("", limits::TARGET_TYPE_MAX_CHARS);
    holds_its_limit::<Action>("a.", limits::ACTION_MAX_CHARS);
}

#[test]
fn limits_are_those_of_the_contract() {
    let text = [
        limits::ACTOR_ID_MAX_CHARS,
        limits::ACTION_MAX_CHARS,
        limits::TARGET_TYPE_MAX_CHARS,
        limits::TARGET_ID_MAX_CHARS,
        limits::USER_AGENT_MAX_CHARS,
        limits::TENANT_ID_MAX_CHARS,
        limits::REQUEST_ID_MAX_CHARS,
    ];
    assert_eq!(text, [500, 100, 50, 500, 1_024, 200, 200]);
    assert_eq!((limits::METADATA_MAX_BYTES, limits::METADATA_MAX_DEPTH), (65_536, 32));
    assert_eq!(limits::CREATED_AT_MAX_AHEAD_SECONDS, 300);
    assert_eq!((limits::PAGE_SIZE_MAX, limits::PAGE_SIZE_DEFAULT), (1_000, 100));
}

#[test]
fn only_the_user_agent_may_be_empty() {
    assert_eq!(code::<UserAgent>(""), None);
    assert_eq!(code::<ActorId>(""), Some(ErrorCode::Empty));
    assert_eq!(code::<TargetId>(""), Some(ErrorCode::Empty));
    assert_eq!(code::<TargetType>(""), Some(ErrorCode::Empty));
    assert_eq!(code::<Action>(""), Some(ErrorCode::Empty));
    assert_eq!(code::<TenantId>(""), Some(ErrorCode::Empty));
    assert_eq!(code::<RequestId>(""), Some(ErrorCode::Empty));
}

#[test]
fn action_is_resource_dot_verb_in_any_case() {
    for fine in ["iam.CreateUser", "project.created", "a.b.c", "s3.GetObject", "x.y *"] {
        assert_eq!(code::<Action>(fine), None, "{fine}");
    }
    for wrong in ["created", ".created", "project.", ".", "project.*"] {
        assert_eq!(code::<Action>(wrong), Some(ErrorCode::BadFormat), "{wrong}");
    }
}

#[test]
fn known_values_are_variants_and_others_keep_their_text() {
    assert_eq!("key.rotated".parse::<Action>().unwrap(), Action::KeyRotated);
    assert_eq!("api_key".parse::<TargetType>().unwrap(), TargetType::ApiKey);
    assert_eq!(Action::KNOWN.len(), 14);
    assert_eq!(TargetType::KNOWN.len(), 6);
    for known in Action::KNOWN {
        assert!(!matches!(Action::from_stored(*known), Action::Other(_)), "{known}");
    }
    for known in TargetType::KNOWN {
        assert!(!matches!(TargetType::from_stored(*known), TargetType::Other(_)), "{known}");
    }
    let near_miss = Action::from_stored("Project.created");
    assert!(matches!(&near_miss, Action::Other(other) if other.as_str() == "Project.created"));
}

#[test]
fn system_actor_has_no_other_id() {
    assert_eq!("system:system".parse(), Ok(Actor::System));
    assert_eq!("system".parse(), Ok(Actor::System));
    assert_eq!("system:cron".parse::<Actor>(), Err(ValueError::SystemActorId));
    let id = ActorId::from_stored("cron");
    assert_eq!(Actor::new(ActorType::System, id), Err(ValueError::SystemActorId));
    assert_eq!((Actor::System.id(), Actor::System.actor_type().as_str()), ("system", "system"));
    assert_eq!(Actor::user("system").unwrap().to_string(), "user:system");
}

#[test]
fn first_colon_separates_type_and_id() {
    let target: Target = "project:a:b".parse().unwrap();
    assert_eq!((target.target_type.as_str(), target.target_id.as_str()), ("project", "a:b"));
    assert_eq!("user:a:b".parse(), Actor::user("a:b"));
    assert_eq!(code::<Target>("project"), Some(ErrorCode::BadFormat));
    assert_eq!(code::<Target>("project:"), Some(ErrorCode::Empty));
    assert_eq!(code::<Target>(":p1"), Some(ErrorCode::Empty));
    assert_eq!(code::<Actor>("robot:r1"), Some(ErrorCode::UnknownValue));
    assert_eq!(code::<Actor>("u1"), Some(ErrorCode::BadFormat));
    assert_eq!(code::<Actor>("user:"), Some(ErrorCode::Empty));
}

fn parses_back<T: FromStr<Err = ValueError> + Display + Debug + PartialEq>(text: &str) {
    let value: T = text.parse().unwrap();
    assert_eq!(value.to_string(), text);
    assert_eq!(value.to_string().parse::<T>().unwrap(), value);
}

proptest! {
    #[test]
    fn accepted_text_round_trips(text in good_text()) {
        parses_back::<ActorId>(&text);
        parses_back::<TargetId>(&text);
        parses_back::<UserAgent>(&text);
        parses_back::<TenantId>(&text);
        parses_back::<RequestId>(&text);
        parses_back::<TargetType>(&text);
    }

    #[test]
    fn accepted_actions_and_targets_round_trip(
        action in action_text(),
        target_type in target_type_text().prop_filter("no colon", |t| !t.contains(':')),
        id in good_text(),
    ) {
        parses_back::<Action>(&action);
        parses_back::<Target>(&format!("{target_type}:{id}"));
        parses_back::<Actor>(&format!("user:{id}"));
        parses_back::<Actor>(&format!("api_key:{id}"));
    }

    #[test]
    fn stored_text_is_not_validated(text in stored_text()) {
        let id = ActorId::from_stored(text.clone());
        prop_assert_eq!(id.as_str(), &text);
        prop_assert_eq!(id.into_string(), text.clone());
        let action = Action::from_stored(text.clone());
        prop_assert_eq!(action.as_str(), &text);
        let target_type = TargetType::from_stored(text.as_str());
        prop_assert_eq!(target_type.as_str(), &text);
    }

    #[test]
    fn conversions_from_text_agree(text in stored_text()) {
        let parsed: Result<ActorId, _> = text.parse();
        prop_assert_eq!(&ActorId::try_from(text.as_str()), &parsed);
        prop_assert_eq!(&ActorId::try_from(text.clone()), &parsed);
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<ActorId>(&json).ok(), parsed.ok());
    }
}
