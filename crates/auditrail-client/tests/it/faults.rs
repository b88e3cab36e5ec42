//! Faults that pass: afterwards each record is there once, under every policy. The lines of the table in
//! the documentation of the crate.

use std::time::Duration;

use auditrail_client::RecorderConfig;
use auditrail_core::{DeliveryStatus, FailurePolicy, RecordSink};

use crate::proxy::Fault;
use crate::support::{LONG, Service, assert_balanced, input, open, quick, settled};

/// What is vouched for under each policy in the end.
fn vouched(policy: FailurePolicy) -> DeliveryStatus {
    match policy {
        FailurePolicy::Must => DeliveryStatus::Acknowledged,
        FailurePolicy::Spool => DeliveryStatus::Spooled,
        FailurePolicy::BestEffort => DeliveryStatus::Queued,
    }
}

/// Records once under each policy while the next requests meet these faults. Gives how many records of
/// the three an earlier try had written.
async fn passes(faults: &[Fault], config: RecorderConfig) -> u64 {
    let service = Service::start().await;
    let mut duplicates = 0;
    for policy in FailurePolicy::ALL {
        let spool = tempfile::tempdir().unwrap();
        service.proxy.next(faults.iter().cloned());
        let recorder = open(service.client(), config.clone().spool(spool.path())).await;
        let taken = recorder.submit(input(policy.as_str()), Some(policy)).await.unwrap();
        assert_eq!(taken, vouched(policy));
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
async fn after_500s_each_record_is_there_once() {
    let faults = vec![Fault::answer(500, "oops"); 3];
    assert_eq!(passes(&faults, quick()).await, 0);
}

#[tokio::test]
async fn after_answers_that_are_none_each_record_is_there_once() {
    let html = Fault::answer(200, "<html>");
    let empty = Fault::answer(200, "{}");
    let other = r#"{"created":2,"duplicates":0,"rejected":0,"errors":[]}"#;
    assert_eq!(passes(&[html, empty, Fault::answer(200, other)], quick()).await, 0);
}

#[tokio::test]
async fn after_a_redirect_nobody_followed_each_record_is_there_once() {
    assert_eq!(passes(&[Fault::answer(307, "")], quick()).await, 0);
}

#[tokio::test]
async fn after_a_503_with_retry_after_each_record_is_there_once() {
    assert_eq!(passes(&[Fault::retry_after(503, "1")], quick()).await, 0);
}

#[tokio::test]
async fn a_connection_reset_before_the_service_heard_of_it_is_made_up_for() {
    assert_eq!(passes(&[Fault::Reset, Fault::Reset], quick()).await, 0);
}

#[tokio::test]
async fn a_connection_reset_after_the_service_committed_doubles_nothing() {
    assert_eq!(passes(&[Fault::ResetAfter], quick()).await, 3);
}

#[tokio::test]
async fn a_service_that_commits_after_we_gave_up_doubles_nothing() {
    // How many tries time out depends on the machine; that each record is there once does not.
    let config = quick().request_timeout(Duration::from_secs(2));
    passes(&[Fault::HoldAfter], config).await;
}

#[tokio::test]
async fn nothing_is_sent_before_a_retry_after_not_even_by_a_flush() {
    let service = Service::start().await;
    for (n, policy) in FailurePolicy::ALL.into_iter().enumerate() {
        let spool = tempfile::tempdir().unwrap();
        let recorder = open(service.client(), quick().spool(spool.path())).await;
        service.proxy.next([Fault::retry_after(429, "1")]);
        let taken = recorder.submit(input(policy.as_str()), Some(policy));
        service.proxy.seen(2 * n + 1).await;
        let flushed = recorder.flush(LONG).await;
        assert_eq!(flushed.pending, 0);
        taken.await.unwrap();
        let times = service.proxy.times();
        let waited = times[2 * n + 1] - times[2 * n];
        assert!(waited >= Duration::from_millis(990), "{waited:?}");
        assert_balanced(&recorder.stats());
    }
    assert_eq!(service.targets().await, ["best_effort", "must", "spool"]);
}

#[tokio::test]
async fn a_flush_cuts_a_pause_short_that_only_we_chose_and_waits_for_no_company() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    // Longer than the test may take: without hurry nothing would arrive.
    let config = quick().linger(10 * LONG).retry(10 * LONG, 10 * LONG);
    let recorder = open(service.client(), config.spool(spool.path())).await;
    service.proxy.next([Fault::answer(500, ""), Fault::answer(500, "")]);
    for policy in [FailurePolicy::Spool, FailurePolicy::BestEffort] {
        recorder.submit(input(policy.as_str()), Some(policy)).await.unwrap();
    }
    let flushed = recorder.flush(LONG).await;
    assert_eq!((flushed.delivered, flushed.failed, flushed.pending), (2, 0, 0));
    assert_eq!(service.targets().await, ["best_effort", "spool"]);
}
