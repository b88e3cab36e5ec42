//! Faults that stay: `must` says so, `spool` keeps the record for the next process, `best_effort` counts
//! it.

use std::fs;
use std::time::Duration;

use auditrail_client::{Client, DropReason, RecordError, Recorder};
use auditrail_core::{DeliveryStatus, FailurePolicy, RecordSink};
use auditrail_testkit::eventually;

use crate::proxy::Fault;
use crate::support::{
    KEY, LONG, Service, assert_balanced, client, input, open, quick, settled, unused,
};

/// Records once under each policy and gives what came of it.
async fn record_all(recorder: &Recorder) -> Vec<String> {
    let mut states = Vec::new();
    for policy in FailurePolicy::ALL {
        let taken = recorder.submit(input(policy.as_str()), Some(policy)).await;
        states.push(match taken {
            Ok(taken) => format!("{taken:?}"),
            Err(error) => error.code().to_owned(),
        });
    }
    states
}

/// Nothing ever reaches the service through this client. What was spooled then does through another.
async fn stays(service: &Service, broken: Client) {
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
    service.proxy.otherwise(Fault::Pass);
    let next = open(healthy, quick().spool(spool.path())).await;
    settled(&next).await;
    let stats = next.stats();
    assert_eq!((stats.recovered, stats.redelivered, stats.sent), (1, 1, 1));
    assert_eq!(service.targets().await, ["spool"]);
}

#[tokio::test]
async fn dns_gone() {
    let service = Service::start().await;
    stays(&service, client("http://auditrail.invalid", KEY)).await;
}

#[tokio::test]
async fn nobody_listens() {
    let service = Service::start().await;
    let (url, _held) = unused();
    stays(&service, client(&url, KEY)).await;
}

#[tokio::test]
async fn errors_for_ever() {
    let service = Service::start().await;
    service.proxy.otherwise(Fault::answer(500, ""));
    stays(&service, service.client()).await;
}

#[tokio::test]
async fn a_service_that_hangs() {
    let service = Service::start().await;
    service.proxy.otherwise(Fault::Hold);
    stays(&service, service.client()).await;
}

#[tokio::test]
async fn a_retry_after_beyond_what_a_must_record_can_wait_is_told_at_once() {
    let service = Service::start().await;
    service.proxy.otherwise(Fault::retry_after(503, "120"));
    let recorder = open(service.client(), quick().must_timeout(Duration::from_secs(60))).await;
    for round in 0..2 {
        let error = recorder.record(input("a")).await.unwrap_err();
        assert!(matches!(error, RecordError::NotAcknowledged { source: Some(_) }), "{error:?}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(120)), "round {round}");
    }
    assert_eq!(service.proxy.times().len(), 1);
}

#[tokio::test]
async fn a_bad_key_fails_must_at_once_and_what_is_kept_goes_when_the_key_is_renewed() {
    let service = Service::start().await;
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("key");
    fs::write(&key_file, "adt_test_revoked\n").unwrap();
    let client = Client::builder(&service.proxy.url()).key_file(&key_file).build().unwrap();
    let recorder = open(client, quick().spool(directory.path().join("s"))).await;
    assert_eq!(record_all(&recorder).await, ["not_allowed", "Spooled", "Queued"]);
    // Each lane has asked, and asks again.
    service.proxy.seen(5).await;
    assert_eq!(recorder.stats().pending, 2);
    fs::write(&key_file, format!("{KEY}\n")).unwrap();
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["best_effort", "spool"]);
    let must = recorder.submit(input("must"), Some(FailurePolicy::Must)).await.unwrap();
    assert_eq!(must, DeliveryStatus::Acknowledged);
}

#[tokio::test]
async fn an_outage_in_the_middle_is_waited_out_and_nothing_is_lost_or_doubled() {
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
    for taken in waiting {
        taken.await.unwrap();
    }
    assert_eq!(recorder.flush(LONG).await.pending, 0);
    let all: Vec<_> = (0..60).map(|n| format!("{n:02}")).collect();
    assert_eq!(service.targets().await, all);
    assert_balanced(&recorder.stats());
}
