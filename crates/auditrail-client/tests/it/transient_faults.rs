//! Transient faults: afterwards each record is stored once under every policy. The lines of the
//! table in the documentation of the crate.

use std::time::Duration;

use auditrail_client::RecorderConfig;
use auditrail_core::{DeliveryStatus, FailurePolicy, RecordSink};

use crate::proxy::Fault;
use crate::support::{LONG, Service, assert_balanced, input, open, quick, settled};

/// The delivery status of a record under each policy.
fn expected_status(policy: FailurePolicy) -> DeliveryStatus {
    match policy {
        FailurePolicy::Must => DeliveryStatus::Acknowledged,
        FailurePolicy::Spool => DeliveryStatus::Spooled,
        FailurePolicy::BestEffort => DeliveryStatus::Queued,
    }
}

/// Records once under each policy while the next requests meet these faults. Returns how many of
/// the three records an earlier attempt had stored.
async fn recovers_from(faults: &[Fault], config: RecorderConfig) -> u64 {
    let service = Service::start().await;
    let mut duplicates = 0;
    for policy in FailurePolicy::ALL {
        let spool = tempfile::tempdir().unwrap();
        service.proxy.next(faults.iter().cloned());
        let recorder = open(service.client(), config.clone().spool(spool.path())).await;
        let status = recorder.submit(input(policy.as_str()), Some(policy)).await.unwrap();
        assert_eq!(status, expected_status(policy));
        settled(&recorder).await;
        let stats = recorder.stats();
        assert_eq!(stats.delivered(), 1, "{stats:?}");
        assert!(stats.retried >= faults.len() as u64, "{stats:?}");
        duplicates += stats.duplicates;
        recorder.close(LONG).await;
    }
    assert_eq!(service.targets().await, ["best_effort", "must", "spool"]);
    duplicates
}

#[tokio::test]
async fn recovers_from_status_500() {
    let faults = vec![Fault::respond(500, "oops"); 3];
    assert_eq!(recovers_from(&faults, quick()).await, 0);
}

#[tokio::test]
async fn recovers_from_unexpected_responses() {
    let html = Fault::respond(200, "<html>");
    let empty = Fault::respond(200, "{}");
    let other = r#"{"created":2,"duplicates":0,"rejected":0,"errors":[]}"#;
    assert_eq!(recovers_from(&[html, empty, Fault::respond(200, other)], quick()).await, 0);
}

#[tokio::test]
async fn recovers_from_a_redirect_without_following_it() {
    assert_eq!(recovers_from(&[Fault::respond(307, "")], quick()).await, 0);
}

#[tokio::test]
async fn recovers_from_503_with_retry_after() {
    assert_eq!(recovers_from(&[Fault::retry_after(503, "1")], quick()).await, 0);
}

#[tokio::test]
async fn recovers_from_a_reset_before_the_request_arrived() {
    assert_eq!(recovers_from(&[Fault::Reset, Fault::Reset], quick()).await, 0);
}

#[tokio::test]
async fn reset_after_the_commit_duplicates_nothing() {
    assert_eq!(recovers_from(&[Fault::ResetAfter], quick()).await, 3);
}

#[tokio::test]
async fn commit_after_the_request_timeout_duplicates_nothing() {
    // How many attempts time out depends on the machine; that each record is stored once does not.
    let config = quick().request_timeout(Duration::from_secs(2));
    recovers_from(&[Fault::HoldAfter], config).await;
}

#[tokio::test]
async fn flush_does_not_shorten_retry_after() {
    let service = Service::start().await;
    for (n, policy) in FailurePolicy::ALL.into_iter().enumerate() {
        let spool = tempfile::tempdir().unwrap();
        let recorder = open(service.client(), quick().spool(spool.path())).await;
        service.proxy.next([Fault::retry_after(429, "1")]);
        let pending = recorder.submit(input(policy.as_str()), Some(policy));
        service.proxy.seen(2 * n + 1).await;
        let flushed = recorder.flush(LONG).await;
        assert_eq!(flushed.pending, 0);
        pending.await.unwrap();
        let times = service.proxy.times();
        let waited = times[2 * n + 1] - times[2 * n];
        assert!(waited >= Duration::from_millis(990), "{waited:?}");
        assert_balanced(&recorder.stats());
    }
    assert_eq!(service.targets().await, ["best_effort", "must", "spool"]);
}

#[tokio::test]
async fn flush_shortens_pauses_and_does_not_linger() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    // Longer than the test may take: only a flush makes the records arrive in time.
    let config = quick().linger(10 * LONG).retry(10 * LONG, 10 * LONG);
    let recorder = open(service.client(), config.spool(spool.path())).await;
    service.proxy.next([Fault::respond(500, ""), Fault::respond(500, "")]);
    for policy in [FailurePolicy::Spool, FailurePolicy::BestEffort] {
        recorder.submit(input(policy.as_str()), Some(policy)).await.unwrap();
    }
    let flushed = recorder.flush(LONG).await;
    assert_eq!((flushed.delivered, flushed.failed, flushed.pending), (2, 0, 0));
    assert_eq!(service.targets().await, ["best_effort", "spool"]);
}
