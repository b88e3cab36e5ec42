//! A wrong clock costs no record.

use auditrail_client::{Recorder, RecorderConfig};
use auditrail_core::{AuditLogService, CreateInput, FailurePolicy, RecordSink, RecordTime};
use jiff::Timestamp;

use crate::proxy::Fault;
use crate::support::{LONG, Service, assert_balanced, dead_letters, input, open, quick, settled};

/// The time by the clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the recorder and the service read the same clock")]
fn now() -> RecordTime {
    RecordTime::new(Timestamp::now()).unwrap()
}

/// Records once under each policy.
async fn record_all(recorder: &Recorder) {
    for policy in FailurePolicy::ALL {
        recorder.submit(input(policy.as_str()), Some(policy)).await.unwrap();
    }
}

#[tokio::test]
async fn clock_ahead_stores_records_with_the_time_of_the_service() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.set_default(Fault::ClockAhead);
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    let start = now();
    record_all(&recorder).await;
    settled(&recorder).await;
    let stats = recorder.stats();
    assert_eq!((stats.sent, stats.failed(), stats.retried), (3, 0, 0), "{stats:?}");
    assert_eq!(service.targets().await, ["best_effort", "must", "spool"]);
    for record in service.stored().await {
        assert!((start..=now()).contains(&record.created_at), "{record:?}");
    }
    recorder.close(LONG).await;
    assert!(dead_letters(spool.path()).is_empty());
}

#[tokio::test]
async fn the_next_process_knows_who_set_the_time() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.stop();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    recorder.record(input("stamped")).await.unwrap();
    recorder.record(input("given").with_created_at(now())).await.unwrap();
    recorder.close(std::time::Duration::ZERO).await;
    drop(recorder);
    service.proxy.restart();
    service.proxy.set_default(Fault::ClockAhead);
    let next = open(service.client(), quick().spool(spool.path())).await;
    settled(&next).await;
    let stats = next.stats();
    assert_eq!((stats.recovered, stats.sent, stats.refused_by["in_future"]), (2, 1, 1));
    assert_eq!(service.targets().await, ["stamped"]);
    next.close(LONG).await;
    assert_eq!(dead_letters(spool.path()), [("given".to_owned(), "in_future".to_owned())]);
}

#[tokio::test]
async fn time_of_the_application_is_never_changed() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    let given: RecordTime = "2001-02-03T04:05:06Z".parse().unwrap();
    let record = |target| input(target).with_created_at(given);
    recorder.record(record("a")).await.unwrap();
    assert_eq!(service.stored().await[0].created_at, given);
    service.proxy.set_default(Fault::ClockAhead);
    let error = recorder.record(input("b").with_created_at(now())).await.unwrap_err();
    assert_eq!(error.code(), "in_future");
    assert_eq!(service.targets().await, ["a"]);
    assert_balanced(&recorder.stats());
}

/// The attempt without a time is stored but its response is lost, and then the clock is corrected: the
/// assigned time is not in the future any more, and differs from the stored one.
async fn lost_response_duplicates_nothing(config: RecorderConfig, policy: FailurePolicy) {
    let service = Service::start().await;
    service.proxy.next([Fault::ClockAhead, Fault::ResetAfter, Fault::Pass, Fault::Pass]);
    let recorder = open(service.client(), config).await;
    recorder.submit(input("a"), Some(policy)).await.unwrap();
    settled(&recorder).await;
    let stats = recorder.stats();
    assert_eq!((stats.duplicates, stats.failed(), stats.retried), (1, 0, 1), "{stats:?}");
    assert_eq!(service.targets().await, ["a"]);
}

#[tokio::test]
async fn clock_corrected_after_a_lost_response_duplicates_nothing() {
    for policy in FailurePolicy::ALL {
        let spool = tempfile::tempdir().unwrap();
        lost_response_duplicates_nothing(quick().spool(spool.path()), policy).await;
    }
}

#[tokio::test]
async fn same_id_without_a_time_is_a_duplicate() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    let id = service.client().create(input("a")).await.unwrap().record().id;
    let again = |target: &str| -> CreateInput { input(target).with_id(id) };
    recorder.record(again("a")).await.unwrap();
    assert_eq!(recorder.record(again("b")).await.unwrap_err().code(), "id_conflict");
    let other_time = again("a").with_created_at("2001-02-03T04:05:06Z".parse().unwrap());
    assert_eq!(recorder.record(other_time).await.unwrap_err().code(), "id_conflict");
    assert_eq!(service.targets().await, ["a"]);
    assert_eq!(recorder.stats().duplicates, 1);
}

#[tokio::test]
async fn one_record_with_a_wrong_time_does_not_hold_up_a_batch() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.set_default(Fault::ClockAhead);
    let recorder = open(service.client(), quick().linger(LONG).spool(spool.path())).await;
    let old: RecordTime = "2001-02-03T04:05:06Z".parse().unwrap();
    for n in 0..6 {
        let record = input(&n.to_string());
        let record = match n % 3 {
            0 => record,
            1 => record.with_created_at(old),
            _ => record.with_created_at(now()),
        };
        recorder.record(record).await.unwrap();
    }
    recorder.flush(LONG).await;
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["0", "1", "3", "4"]);
    recorder.close(LONG).await;
    let refused = ["2", "5"].map(|target| (target.to_owned(), "in_future".to_owned()));
    assert_eq!(dead_letters(spool.path()), refused);
}
