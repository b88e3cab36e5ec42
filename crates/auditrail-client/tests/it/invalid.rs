//! Invalid records are rejected where they are recorded, by the rules of the service.

use std::path::Path;
use std::time::Duration;

use auditrail_client::{DropReason, RecordError};
use auditrail_core::{
    Action, Actor, ActorId, CreateInput, DeliveryStatus, ErrorCode, FailurePolicy, Metadata,
    RecordSink, RecordTime, Target, TargetId, TargetType, UserAgent,
};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::support::{LONG, Service, assert_balanced, dead_letters, input, open, quick, settled};

/// Metadata as the table may hold it, whatever its limits.
fn stored_metadata(text: &str) -> Metadata {
    Metadata::from_stored(RawValue::from_string(text.to_owned()).unwrap()).unwrap()
}

/// A time so far ahead of the clock.
fn ahead(seconds: u64) -> RecordTime {
    RecordTime::new(now().checked_add(Duration::from_secs(seconds)).unwrap()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the recorder reads the same clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Records with every kind of invalid value that an input can have.
fn invalid() -> Vec<(&'static str, ErrorCode, CreateInput)> {
    let with = |change: fn(&mut CreateInput)| {
        let mut input = input("x");
        change(&mut input);
        input
    };
    let user_agent = |text: &str| {
        let mut input = input("x");
        input.context.user_agent = Some(UserAgent::from_stored(text));
        input
    };
    let metadata = |text: &str| input("x").with_metadata(stored_metadata(text));
    let nested = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    vec![
        (
            "/action",
            ErrorCode::BadFormat,
            with(|input| input.action = Action::from_stored("created")),
        ),
        ("/action", ErrorCode::Empty, with(|input| input.action = Action::from_stored(""))),
        (
            "/target_id",
            ErrorCode::TooLong,
            with(|input| {
                input.target.target_id = TargetId::from_stored("x".repeat(501));
            }),
        ),
        ("/user_agent", ErrorCode::TooLong, user_agent(&"x".repeat(2_000))),
        ("/user_agent", ErrorCode::ControlCharacter, user_agent("a\nb")),
        ("/metadata", ErrorCode::UnstorableText, metadata(r#"{"name":"Family \ud83d"}"#)),
        ("/metadata", ErrorCode::UnstorableText, metadata(r#"{"name":"a\u0000b"}"#)),
        ("/metadata", ErrorCode::TooDeep, metadata(&nested)),
        (
            "/metadata",
            ErrorCode::TooLarge,
            metadata(&format!(r#"{{"a":"{}"}}"#, "x".repeat(65_536))),
        ),
        ("/metadata", ErrorCode::WrongType, metadata("[1]")),
        ("/created_at", ErrorCode::InFuture, input("x").with_created_at(ahead(400))),
    ]
}

#[tokio::test]
async fn invalid_records_are_rejected_at_once_and_never_spooled() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    let mut rejected = 0;
    for (pointer, code, input) in invalid() {
        for policy in [FailurePolicy::Must, FailurePolicy::Spool] {
            match recorder.submit(input.clone(), Some(policy)).await.unwrap_err() {
                RecordError::Invalid { errors } => {
                    assert_eq!(errors.as_slice().len(), 1, "{errors}");
                    assert_eq!(errors.as_slice()[0].pointer, pointer);
                    assert_eq!(errors.as_slice()[0].code, code, "{errors}");
                }
                other => panic!("{pointer} {code}: {other:?}"),
            }
            rejected += 1;
        }
    }
    let best_effort = recorder.submit(invalid().remove(0).2, Some(FailurePolicy::BestEffort));
    assert_eq!(best_effort.await.unwrap(), DeliveryStatus::Dropped);
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!(stats.dropped[&DropReason::Invalid], rejected + 1);
    assert_eq!((stats.pending, stats.spooled, stats.spool_bytes), (0, 0, 0));
    assert_eq!(service.proxy.times().len(), 0, "nothing is sent");
    recorder.close(LONG).await;
    let letters = dead_letters(spool.path());
    assert_eq!(recorder.stats().dead_letters, letters.len() as u64);
    assert_eq!(letters.len() as u64, rejected + 1, "{letters:?}");
    assert_eq!(letters[0], ("x".to_owned(), "bad_format".to_owned()));
}

#[tokio::test]
async fn flood_of_invalid_records_is_bounded_and_counted() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let config = quick().spool(spool.path()).dead_letters_max_bytes(1_000_000);
    let recorder = open(service.client(), config).await;
    let large = stored_metadata(&format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000)));
    let huge = stored_metadata(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1_000_000)));
    for n in 0..300 {
        let metadata = if n % 10 == 0 { huge.clone() } else { large.clone() };
        let record = input("x").with_metadata(metadata);
        drop(recorder.submit(record, Some(FailurePolicy::BestEffort)).await);
    }
    recorder.close(LONG).await;
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!(stats.dropped[&DropReason::Invalid], 300);
    // Those that are too large to encode are not kept.
    assert_eq!(stats.dead_letters + stats.dead_letters_dropped, 270, "{stats:?}");
    assert_eq!(stats.dead_letters, 9, "the limit");
}

#[tokio::test]
async fn rejection_names_every_invalid_field() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    let actor = Actor::User(ActorId::from_stored(""));
    let target =
        Target::new(TargetType::from_stored("a\tb"), TargetId::from_stored("x".repeat(501)));
    let input = CreateInput::new(actor, Action::from_stored("created"), target);
    let error = recorder.record(input).await.unwrap_err();
    assert_eq!(error.code(), "empty", "the code of the first field");
    for pointer in ["/actor_id", "/action", "/target_type", "/target_id"] {
        assert!(error.to_string().contains(pointer), "{error}");
    }
}

/// The recorder accepts exactly the inputs that the service accepts. Inputs that the type cannot hold, such as
/// those with a field of a wrong type, cannot be recorded at all.
#[tokio::test]
async fn accepted_record_vectors_are_delivered() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/record-vectors.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut accepted = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let text = case["input"].as_str().unwrap();
        let parsed = CreateInput::from_json(text.as_bytes(), now());
        // What is in the future of the clock of the vectors is in the past by now.
        let errors = case["errors"].as_array().unwrap();
        let is_valid = errors.iter().all(|error| error["code"] == "in_future");
        assert_eq!(parsed.is_ok(), is_valid, "{text}");
        if let Ok(input) = parsed {
            assert_eq!(recorder.record(input).await.unwrap(), DeliveryStatus::Spooled, "{text}");
            accepted += 1;
        }
    }
    recorder.flush(LONG).await;
    settled(&recorder).await;
    let stats = recorder.stats();
    assert!(accepted > 80, "{accepted}");
    assert_eq!((stats.delivered(), stats.failed()), (accepted, 0), "{stats:?}");
}
