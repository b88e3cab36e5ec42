//! The API key appears in no error, log line, spool or record.

use std::time::Duration;

use auditrail_core::{AuditLogService, FailurePolicy, OnInvalid, Query, RecordSink};

use crate::log::Log;
use crate::proxy::Fault;
use crate::support::{
    KEY, LONG, Service, client as client_of, input, open, quick, settled, unused,
};

/// An error in all its printed forms, with its sources.
fn printed(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[tokio::test]
async fn key_is_in_no_error_debug_output_log_spool_or_record() {
    let log = Log::default();
    // For all threads, including the spool's.
    tracing::dispatcher::set_global_default(log.dispatch()).unwrap();
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let mut seen = String::new();
    let echo = "<html>you sent adt_test_Planted0Secret0Of0The0Tests_000000";
    let problem = concat!(
        r#"{"code":"adt_test_Planted0Secret0Of0The0Tests_000000","#,
        r#""detail":"adt_test_Planted0Secret0Of0The0Tests_000000","errors":[{"pointer":"/a","#,
        r#""code":"b","detail":"adt_test_Planted0Secret0Of0The0Tests_000000"}]}"#
    );
    assert!(echo.contains(KEY) && problem.contains(KEY));

    let client = service.client();
    for fault in [200, 401, 500].map(|status| Fault::respond(status, echo)) {
        service.proxy.next([fault]);
        seen += &printed(&client.query(&Query::default()).await.unwrap_err());
    }
    service.proxy.next([Fault::respond(422, problem), Fault::Reset, Fault::Reset]);
    for _ in 0..2 {
        let refused = client.create_many(vec![input("a")], OnInvalid::Refuse).await;
        seen += &printed(&refused.unwrap_err());
    }
    let (url, _socket) = unused();
    let unreachable = client_of(&url, KEY);
    seen += &printed(&unreachable.create(input("a")).await.unwrap_err());

    // The key is redacted in a record that contains it.
    let metadata = format!(r#"{{"authorization":"Bearer {KEY}"}}"#);
    let planted = || input("planted").with_metadata(metadata.parse().unwrap());
    let config = quick().spool(spool.path()).must_timeout(Duration::from_millis(200));
    let recorder = open(unreachable.clone(), config.clone()).await;
    for policy in FailurePolicy::ALL {
        match recorder.submit(planted(), Some(policy)).await {
            Ok(status) => seen += &format!("{status:?}"),
            Err(error) => seen += &printed(&error),
        }
    }
    recorder.close(Duration::ZERO).await;
    for file in std::fs::read_dir(spool.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    }
    let next = open(client.clone(), quick().spool(spool.path())).await;
    settled(&next).await;
    client.create(planted()).await.unwrap();
    for record in service.stored().await {
        let metadata = record.metadata.unwrap().as_str().to_owned();
        assert!(metadata.contains("Bearer [key]"), "{metadata}");
        seen += &metadata;
    }
    seen += &format!("{client:?} {client:#?} {next:?} {config:?} {:?}", next.stats());
    next.close(LONG).await;

    let log = log.text();
    assert!(log.contains("audit records cannot be delivered"), "something was logged");
    assert!(!seen.contains(KEY) && !log.contains(KEY));
    let secret = "Planted0Secret";
    assert!(!seen.contains(secret) && !log.contains(secret));
}

#[tokio::test]
async fn delivery_failures_are_logged_at_start_and_end_only() {
    let log = Log::default();
    // For this thread only, which the recorder's tasks run on.
    let _guard = tracing::dispatcher::set_default(&log.dispatch());
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    service.proxy.next(vec![Fault::respond(500, ""); 5]);
    recorder.record(input("a")).await.unwrap();
    assert_eq!(recorder.stats().retried, 5);
    service.proxy.next([Fault::respond(409, ""), Fault::respond(409, ""), Fault::respond(409, "")]);
    for _ in 0..3 {
        recorder.record(input("b")).await.unwrap_err();
    }
    assert_eq!(log.count("audit records cannot be delivered"), 1, "{}", log.text());
    assert_eq!(log.count("audit records are delivered again"), 1, "{}", log.text());
    assert_eq!(log.count("the service refused an audit record"), 1, "{}", log.text());
}
