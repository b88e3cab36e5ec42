//! What the service refuses is kept with the reason, counted, and logged once per kind.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use auditrail_core::{FailurePolicy, RecordSink};
use serde_json::Value;

use crate::log::Log;
use crate::proxy::Fault;
use crate::support::{
    LONG, Service, TENANT_KEY, assert_balanced, client, dead_letters, input, open, quick, settled,
};

/// Three records, one under each policy, that the service refuses: their action is its own.
async fn refuse_all(recorder: &auditrail_client::Recorder) {
    for policy in FailurePolicy::ALL {
        let mut reserved = input(policy.as_str());
        reserved.action = "audit_log.read".parse().unwrap();
        let outcome = recorder.submit(reserved, Some(policy)).await;
        assert_eq!(outcome.is_err(), policy == FailurePolicy::Must, "{outcome:?}");
    }
    settled(recorder).await;
}

#[tokio::test]
async fn refused_records_are_kept_with_the_reason_under_every_policy() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    refuse_all(&recorder).await;
    recorder.record(input("good")).await.unwrap();
    recorder.close(LONG).await;
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!((stats.refused_by["reserved_action"], stats.refused), (3, 3));
    assert_eq!((stats.dead_letters, stats.dead_letters_dropped), (3, 0));
    assert_eq!(service.targets().await, ["good"]);
    let mut letters = dead_letters(spool.path());
    letters.sort();
    let all = ["best_effort", "must", "spool"];
    assert_eq!(letters, all.map(|policy| (policy.to_owned(), "reserved_action".to_owned())));

    let path = spool.path().join("refused.ndjson");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let letter: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let names: Vec<_> = letter.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "detail", "record", "time"]);
    assert!(letter["detail"].as_str().unwrap().contains("/action"), "{letter}");
    assert!(letter["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{letter}");
    assert!(letter["record"]["id"].is_string() && letter["record"]["created_at"].is_string());

    // The next process adds to the file, and does not send its records again.
    let next = open(service.client(), quick().spool(spool.path())).await;
    assert_eq!(next.stats().recovered, 0);
    refuse_all(&next).await;
    next.close(LONG).await;
    assert_eq!(dead_letters(spool.path()).len(), 6);
}

#[tokio::test]
async fn refused_requests_are_kept_too() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    // The key is restricted to another tenant: the service refuses the whole request.
    let client = client(&service.proxy.url(), TENANT_KEY);
    let recorder = open(client, quick().spool(spool.path())).await;
    for tenant in ["t1", "t2", "t1"] {
        let record = input(tenant).with_tenant(tenant.parse().unwrap());
        recorder.record(record).await.unwrap();
    }
    settled(&recorder).await;
    service.proxy.next([Fault::respond(422, "<html>")]);
    recorder.record(input("proxy")).await.unwrap();
    recorder.close(LONG).await;
    let expected = [("t2", "other_tenant"), ("proxy", "http_422")];
    let expected = expected.map(|(target, code)| (target.to_owned(), code.to_owned()));
    assert_eq!(dead_letters(spool.path()), expected);
}

#[tokio::test]
async fn full_file_of_dead_letters_drops_and_counts() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let config = quick().spool(spool.path()).dead_letters_max_bytes(1_000);
    let recorder = open(service.client(), config).await;
    for _ in 0..4 {
        refuse_all(&recorder).await;
    }
    recorder.record(input("good")).await.unwrap();
    recorder.close(LONG).await;
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!(stats.refused, 12);
    assert!(stats.dead_letters > 0 && stats.dead_letters_dropped > 0, "{stats:?}");
    assert_eq!(stats.dead_letters + stats.dead_letters_dropped, 12, "{stats:?}");
    let path = spool.path().join("refused.ndjson");
    assert!(std::fs::metadata(path).unwrap().len() <= 1_000);
    assert_eq!(dead_letters(spool.path()).len() as u64, stats.dead_letters);
    assert_eq!(service.targets().await, ["good"], "others are delivered");
}

#[tokio::test]
async fn unwritable_dead_letters_are_counted_and_others_arrive() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    std::fs::create_dir(spool.path().join("refused.ndjson")).unwrap();
    refuse_all(&recorder).await;
    recorder.record(input("good")).await.unwrap();
    assert_eq!(recorder.close(LONG).await.pending, 0);
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!((stats.refused, stats.dead_letters, stats.dead_letters_dropped), (3, 0, 3));
    assert_eq!(service.targets().await, ["good"]);
}

#[tokio::test]
async fn each_kind_of_loss_is_logged_once_without_any_set_up() {
    let log = Log::default();
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    for _ in 0..3 {
        let mut reserved = input("a");
        reserved.action = "audit_log.read".parse().unwrap();
        recorder.record(reserved).await.unwrap_err();
        service.proxy.next([Fault::respond(409, "")]);
        recorder.record(input("b")).await.unwrap_err();
        let mut invalid = input("c");
        invalid.action = auditrail_core::Action::from_stored("created");
        recorder.record(invalid).await.unwrap_err();
    }
    let stats = recorder.stats();
    assert_eq!((stats.refused, stats.dead_letters, stats.dead_letters_dropped), (6, 0, 0));
    assert_eq!(log.count("the service refused an audit record"), 2, "{}", log.text());
    assert_eq!(log.count("an audit record is lost"), 1, "{}", log.text());
    for part in [
        "the service refused an audit record code=\"reserved_action\"",
        "the service refused an audit record code=\"http_409\"",
        "/action: must be resource.verb",
    ] {
        assert_eq!(log.count(part), 1, "{part}: {}", log.text());
    }
    recorder.close(Duration::ZERO).await;
}
