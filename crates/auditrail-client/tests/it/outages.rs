//! Permanent faults: `must` fails, `spool` keeps the record for the next process, `best_effort`
//! counts the loss.

use std::fs;
use std::time::Duration;

use auditrail_client::{Client, DropReason, RecordError, Recorder};
use auditrail_core::{DeliveryStatus, FailurePolicy, RecordSink};
use auditrail_testkit::eventually;

use crate::proxy::Fault;
use crate::support::{
    KEY, LONG, Service, assert_balanced, client, input, open, quick, settled, unused,
};

/// Records once under each policy; returns the statuses and error codes.
async fn record_all(recorder: &Recorder) -> Vec<String> {
    let mut states = Vec::new();
    for policy in FailurePolicy::ALL {
        let outcome = recorder.submit(input(policy.as_str()), Some(policy)).await;
        states.push(match outcome {
            Ok(status) => format!("{status:?}"),
            Err(error) => error.code().to_owned(),
        });
    }
    states
}

/// Nothing reaches the service through the broken client; what was spooled then does through
/// another.
async fn survives(service: &Service, broken: Client) {
    let spool = tempfile::tempdir().unwrap();
    let config = quick().spool(spool.path()).must_timeout(Duration::from_millis(300));
    let recorder = open(broken, config).await;
    assert_eq!(record_all(&recorder).await, ["not_acknowledged", "Spooled", "Queued"]);
    let closed = recorder.close(Duration::ZERO).await;
    assert_eq!((closed.failed, closed.pending), (1, 1));
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!(stats.dropped[&DropReason::NotAcknowledged], 1);
    assert_eq!(stats.dropped[&DropReason::Closed], 1);
    drop(recorder);
    assert_eq!(service.targets().await, [""; 0]);

    let healthy = client(&service.proxy.url(), KEY);
    service.proxy.set_default(Fault::Pass);
    let next = open(healthy, quick().spool(spool.path())).await;
    settled(&next).await;
    let stats = next.stats();
    assert_eq!((stats.recovered, stats.redelivered, stats.sent), (1, 1, 1));
    assert_eq!(service.targets().await, ["spool"]);
}

#[tokio::test]
async fn dns_failure() {
    let service = Service::start().await;
    survives(&service, client("http://auditrail.invalid", KEY)).await;
}

#[tokio::test]
async fn connection_refused() {
    let service = Service::start().await;
    let (url, _socket) = unused();
    survives(&service, client(&url, KEY)).await;
}

#[tokio::test]
async fn permanent_status_500() {
    let service = Service::start().await;
    service.proxy.set_default(Fault::respond(500, ""));
    survives(&service, service.client()).await;
}

#[tokio::test]
async fn no_response() {
    let service = Service::start().await;
    service.proxy.set_default(Fault::Hold);
    survives(&service, service.client()).await;
}

#[tokio::test]
async fn must_fails_at_once_if_retry_after_exceeds_its_deadline() {
    let service = Service::start().await;
    service.proxy.set_default(Fault::retry_after(503, "120"));
    let recorder = open(service.client(), quick().must_timeout(Duration::from_secs(60))).await;
    for round in 0..2 {
        let error = recorder.record(input("a")).await.unwrap_err();
        assert!(matches!(error, RecordError::NotAcknowledged { source: Some(_) }), "{error:?}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(120)), "round {round}");
    }
    assert_eq!(service.proxy.times().len(), 1);
}

#[tokio::test]
async fn rejected_key_fails_must_and_delays_the_rest_until_renewed() {
    let service = Service::start().await;
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("key");
    fs::write(&key_file, "adt_test_revoked\n").unwrap();
    let client = Client::builder(&service.proxy.url()).key_file(&key_file).build().unwrap();
    let recorder = open(client, quick().spool(directory.path().join("s"))).await;
    assert_eq!(record_all(&recorder).await, ["not_allowed", "Spooled", "Queued"]);
    // Each policy has sent a request, and retries.
    service.proxy.seen(5).await;
    assert_eq!(recorder.stats().pending, 2);
    fs::write(&key_file, format!("{KEY}\n")).unwrap();
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["best_effort", "spool"]);
    let must = recorder.submit(input("must"), Some(FailurePolicy::Must)).await.unwrap();
    assert_eq!(must, DeliveryStatus::Acknowledged);
}

#[tokio::test]
async fn outage_loses_and_duplicates_nothing() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    let mut waiting = Vec::new();
    for n in 0..60 {
        if n == 20 {
            service.proxy.stop();
        }
        let policy = FailurePolicy::ALL[n % 3];
        waiting.push(recorder.submit(input(&format!("{n:02}")), Some(policy)));
    }
    eventually("the outage is noticed", async || recorder.stats().retried > 0).await;
    service.proxy.restart();
    for pending in waiting {
        pending.await.unwrap();
    }
    assert_eq!(recorder.flush(LONG).await.pending, 0);
    let all: Vec<_> = (0..60).map(|n| format!("{n:02}")).collect();
    assert_eq!(service.targets().await, all);
    assert_balanced(&recorder.stats());
}
