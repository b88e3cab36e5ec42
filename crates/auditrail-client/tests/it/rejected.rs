//! Records that the service or the recorder rejects: others are delivered, and each loss is
//! reported.

use std::sync::{Arc, Mutex};

use auditrail_client::{DropReason, RecordError};
use auditrail_core::{AuditLogService, DeliveryStatus, FailurePolicy, RecordSink};

use crate::proxy::Fault;
use crate::support::{
    LONG, Service, TENANT_KEY, assert_balanced, client, input, open, quick, settled,
};

#[tokio::test]
async fn conflicting_ids_are_rejected_and_other_records_arrive() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let id = service.client().create(input("first")).await.unwrap().record().id;
    let losses = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&losses);
    let config = quick().linger(LONG).spool(spool.path()).on_lost(move |lost| {
        assert!(lost.reason.is_none());
        let record: serde_json::Value = serde_json::from_str(lost.record.unwrap()).unwrap();
        let target = record["target_id"].as_str().unwrap().to_owned();
        reported.lock().unwrap().push((target, lost.code.to_owned()));
    });
    let recorder = open(service.client(), config).await;
    for policy in FailurePolicy::ALL {
        let before = recorder.submit(input(&format!("{policy}-1")), Some(policy));
        let other = recorder.submit(input(&format!("{policy}-2")).with_id(id), Some(policy));
        let after = recorder.submit(input(&format!("{policy}-3")), Some(policy));
        before.await.unwrap();
        after.await.unwrap();
        assert_eq!(other.await.is_err(), policy == FailurePolicy::Must);
    }
    recorder.flush(LONG).await;
    let mut expected = vec!["first".to_owned()];
    for policy in ["best_effort", "must", "spool"] {
        expected.extend([format!("{policy}-1"), format!("{policy}-3")]);
    }
    expected.sort();
    assert_eq!(service.targets().await, expected);
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!(stats.refused_by["id_conflict"], 3);
    let mut losses = losses.lock().unwrap().clone();
    losses.sort();
    let rejected = ["best_effort-2", "must-2", "spool-2"];
    assert_eq!(losses, rejected.map(|target| (target.to_owned(), "id_conflict".to_owned())));
}

#[tokio::test]
async fn rejected_batch_is_bisected_to_the_invalid_record() {
    let service = Service::start().await;
    // A key of one tenant: a record of another makes the service reject the whole request.
    let client = client(&service.proxy.url(), TENANT_KEY);
    let recorder = open(client, quick().linger(LONG)).await;
    for n in 0..9 {
        let tenant = if n == 4 { "t2" } else { "t1" };
        let record = input(&n.to_string()).with_tenant(tenant.parse().unwrap());
        let status = recorder.submit(record, Some(FailurePolicy::BestEffort)).await.unwrap();
        assert_eq!(status, DeliveryStatus::Queued);
    }
    recorder.flush(LONG).await;
    assert_eq!(service.targets().await, ["0", "1", "2", "3", "5", "6", "7", "8"]);
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!((stats.sent, stats.refused_by["other_tenant"]), (8, 1));
}

#[tokio::test]
async fn failure_while_bisecting_loses_and_duplicates_nothing() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick().linger(LONG)).await;
    let too_large = Fault::respond(413, "");
    service.proxy.next([too_large, Fault::Pass, Fault::ResetAfter]);
    for n in 0..4 {
        recorder.submit(input(&n.to_string()), Some(FailurePolicy::BestEffort)).await.unwrap();
    }
    recorder.flush(LONG).await;
    assert_eq!(service.targets().await, ["0", "1", "2", "3"]);
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!((stats.sent, stats.duplicates, stats.retried), (2, 2, 1));
}

#[tokio::test]
async fn rejected_must_record_fails_with_the_reason() {
    let service = Service::start().await;
    service.proxy.next([Fault::respond(
        422,
        r#"{"code":"invalid","detail":"wrong","errors":[
        {"pointer":"/0/action","code":"too_long","detail":"is too long"}]}"#,
    )]);
    let recorder = open(service.client(), quick()).await;
    match recorder.record(input("a")).await {
        Err(RecordError::Refused { code, detail, errors }) => {
            assert_eq!((&*code, &*detail), ("invalid", "wrong"));
            assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/0/action", "too_long"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn must_and_spool_evict_best_effort_and_then_fail() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.set_default(Fault::Hold);
    let config = quick().linger(LONG).queue_max_records(4).spool(spool.path());
    let recorder = open(service.client(), config).await;
    for n in 0..5 {
        let outcome =
            recorder.submit(input(&format!("b{n}")), Some(FailurePolicy::BestEffort)).await;
        assert_eq!(
            outcome.unwrap(),
            if n < 4 { DeliveryStatus::Queued } else { DeliveryStatus::Dropped }
        );
    }
    let mut musts = Vec::new();
    for n in 0..4 {
        musts.push(recorder.submit(input(&format!("m{n}")), Some(FailurePolicy::Must)));
    }
    for policy in [FailurePolicy::Must, FailurePolicy::Spool] {
        let full = recorder.submit(input("full"), Some(policy)).await.unwrap_err();
        assert_eq!(full.code(), "queue_full");
    }
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!((stats.queued_records, stats.pending), (4, 4));
    assert_eq!(stats.dropped[&DropReason::Displaced], 4);
    assert_eq!(stats.dropped[&DropReason::QueueFull], 3);
    service.proxy.held(1).await;
    service.proxy.set_default(Fault::Pass);
    service.proxy.release();
    for must in musts {
        assert_eq!(must.await.unwrap(), DeliveryStatus::Acknowledged);
    }
    assert_eq!(recorder.record(input("s")).await.unwrap(), DeliveryStatus::Spooled);
    recorder.flush(LONG).await;
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["m0", "m1", "m2", "m3", "s"]);
}

#[tokio::test]
async fn panicking_callback_does_not_stop_delivery() {
    let service = Service::start().await;
    let config = quick().on_lost(|lost| panic!("the callback panics on purpose: {}", lost.code));
    let recorder = open(service.client(), config).await;
    service.proxy.next([Fault::respond(409, "")]);
    assert_eq!(recorder.record(input("a")).await.unwrap_err().code(), "http_409");
    assert_eq!(recorder.record(input("b")).await.unwrap(), DeliveryStatus::Acknowledged);
    assert_balanced(&recorder.stats());
}

#[tokio::test]
async fn oversized_records_are_rejected_before_sending() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    let wide = format!(r#"{{"text":"{}"}}"#, "\\u0001".repeat(10_000));
    assert_eq!(
        recorder.record(input("a").with_metadata(wide.parse().unwrap())).await.unwrap(),
        DeliveryStatus::Acknowledged
    );
    let config = quick().queue_max_bytes(1_000);
    let recorder = open(service.client(), config).await;
    let full = recorder.record(input("b").with_metadata(wide.parse().unwrap())).await.unwrap_err();
    assert_eq!(full.code(), "queue_full");
    assert_balanced(&recorder.stats());
}

#[tokio::test]
async fn closed_recorder_rejects_records() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    recorder.record(input("a")).await.unwrap();
    let closed = tokio::join!(recorder.close(LONG), recorder.close(LONG));
    assert_eq!(closed.0, closed.1);
    assert_eq!(recorder.record(input("b")).await.unwrap_err().code(), "closed");
    let late = recorder.submit(input("c"), Some(FailurePolicy::BestEffort)).await.unwrap();
    assert_eq!(late, DeliveryStatus::Dropped);
    let stats = recorder.stats();
    assert_balanced(&stats);
    assert_eq!(stats.dropped[&DropReason::Closed], 2);
}
