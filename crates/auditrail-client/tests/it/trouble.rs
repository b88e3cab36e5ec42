//! A wrong URL or key is an error within seconds.

use std::time::Duration;

use auditrail_client::{Client, ClientError, Recorder};
use auditrail_core::DeliveryStatus;
use auditrail_testkit::eventually;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::log::Log;
use crate::proxy::Fault;
use crate::support::{KEY, READ_KEY, Service, client, input, open, quick, settled, unused};

/// Checks a broken client: the check fails, and so does the first delivery, both with this code, and the log
/// and the counters say so.
async fn is_reported(broken: Client, code: &str) -> String {
    let log = Log::default();
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let spool = tempfile::tempdir().unwrap();
    let config = quick().retry(Duration::from_millis(1), Duration::from_millis(5));
    let recorder = open(broken, config.spool(spool.path())).await;
    assert_eq!(recorder.stats().trouble, None);
    let status = recorder.record(input("a")).await.unwrap();
    assert_eq!(status, DeliveryStatus::Spooled, "nothing is lost");
    eventually("it was retried", async || recorder.stats().retried > 2).await;
    let trouble = recorder.stats().trouble.unwrap();
    assert_eq!(trouble.code, code, "{trouble:?}");
    assert_eq!(log.count("audit records cannot be delivered"), 1, "once per kind: {}", log.text());
    assert!(log.text().contains(&trouble.detail), "{}", log.text());
    let error = recorder.check().await.unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
    assert_eq!(log.count("audit records cannot be delivered"), 1, "{}", log.text());
    assert_eq!(recorder.stats().trouble.unwrap().since, trouble.since);
    recorder.close(Duration::ZERO).await;
    error.to_string()
}

#[tokio::test]
async fn check_succeeds_and_writes_nothing() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    recorder.check().await.unwrap();
    service.client().check().await.unwrap();
    assert_eq!(recorder.stats().trouble, None);
    assert!(service.stored().await.is_empty());
}

#[tokio::test]
async fn unknown_key_and_missing_scope_are_reported() {
    let service = Service::start().await;
    let message =
        is_reported(client(&service.proxy.url(), "adt_test_unknown"), "invalid_key").await;
    assert!(message.contains("401"), "{message}");
    let message = is_reported(client(&service.proxy.url(), READ_KEY), "wrong_scope").await;
    assert!(message.contains("scope `write`"), "{message}");
}

#[tokio::test]
async fn unreachable_hosts_are_reported_with_the_cause() {
    let message = is_reported(client("http://auditrail.invalid", KEY), "unreachable").await;
    assert!(message.contains("auditrail.invalid") && message.contains("dns"), "{message}");
    let (url, _socket) = unused();
    let message = is_reported(client(&url, KEY), "unreachable").await;
    assert!(message.contains(&url) && message.contains("refused"), "{message}");
}

#[tokio::test]
async fn tls_failures_are_reported_with_the_cause() {
    let service = Service::start().await;
    // The service speaks plain HTTP.
    let url = service.proxy.url().replace("http:", "https:");
    // On a system without root certificates building the client fails already.
    match Client::builder(&url).key(KEY).build() {
        Ok(client) => {
            let message = is_reported(client, "unreachable").await;
            assert!(message.contains(&url) && message.contains("corrupt message"), "{message}");
        }
        Err(error) => assert_eq!(error.code(), "no_roots"),
    }
}

#[tokio::test]
async fn other_servers_are_reported() {
    let service = Service::start().await;
    service.proxy.set_default(Fault::respond(404, "<html>Not found"));
    let message = is_reported(service.client(), "http_404").await;
    assert!(message.contains("the URL may be wrong"), "{message}");
    service.proxy.set_default(Fault::respond(200, "<html>Welcome"));
    let message = is_reported(service.client(), "bad_answer").await;
    assert!(message.contains("<html>Welcome"), "{message}");
    service.proxy.set_default(Fault::Pass);
    // A path that is not part of the URL.
    let wrong_path = client(&format!("{}/audit", service.proxy.url()), KEY);
    let error = wrong_path.check().await.unwrap_err();
    assert_eq!(error.status(), Some(404), "{error}");
}

#[tokio::test]
async fn check_fails_within_seconds_if_nothing_responds() {
    // Connections are accepted by the system, and never served.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = client(&format!("http://{}", listener.local_addr().unwrap()), KEY);
    let start = Instant::now();
    let error = silent.check().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test]
async fn trouble_ends_with_the_first_success_and_each_kind_is_logged() {
    let log = Log::default();
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let service = Service::start().await;
    let recorder: Recorder = open(service.client(), quick()).await;
    for _ in 0..2 {
        let faults = [500, 503, 500, 503].map(|status| Fault::respond(status, ""));
        service.proxy.next(faults);
        recorder.record(input("a")).await.unwrap();
        settled(&recorder).await;
        assert_eq!(recorder.stats().trouble, None);
    }
    assert_eq!(recorder.stats().retried, 8);
    assert_eq!(log.count("audit records cannot be delivered"), 4, "{}", log.text());
    assert_eq!(log.count("audit records are delivered again"), 2, "{}", log.text());
}
