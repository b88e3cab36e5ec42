//! The recorder without faults.

use auditrail_client::{Recorder, RecorderConfig};
use auditrail_core::{DeliveryStatus, FailurePolicy, RecordSink};

use crate::support::{Service, assert_balanced, input, open, quick, settled};

#[tokio::test]
async fn each_policy_returns_its_status_and_all_records_arrive() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path().join("s"))).await;
    assert!(recorder.spools());
    let must = recorder.submit(input("a"), Some(FailurePolicy::Must)).await.unwrap();
    assert_eq!(must, DeliveryStatus::Acknowledged);
    assert_eq!(service.targets().await, ["a"]);
    assert_eq!(recorder.record(input("b")).await.unwrap(), DeliveryStatus::Spooled);
    let queued = recorder.submit(input("c"), Some(FailurePolicy::BestEffort)).await.unwrap();
    assert_eq!(queued, DeliveryStatus::Queued);
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["a", "b", "c"]);
    let stats = recorder.stats();
    assert_eq!((stats.accepted, stats.sent, stats.spooled), (3, 3, 1));
    assert_eq!((stats.queued_records, stats.queued_bytes), (0, 0));
    let closed = recorder.close(crate::support::LONG).await;
    assert_eq!((closed.failed, closed.pending), (0, 0));
}

#[tokio::test]
async fn submit_is_eager_and_survives_drop() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    for policy in FailurePolicy::ALL {
        drop(recorder.submit(input(policy.as_str()), Some(policy)));
    }
    assert_eq!(recorder.stats().accepted, 3);
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["best_effort", "must", "spool"]);
}

#[tokio::test]
async fn destructors_can_record_on_threads_without_a_runtime() {
    struct Handle(Recorder);
    impl Drop for Handle {
        fn drop(&mut self) {
            drop(self.0.record(input("dropped")));
        }
    }
    let service = Service::start().await;
    let recorder = open(service.client(), quick()).await;
    let handle = Handle(recorder.clone());
    std::thread::spawn(move || drop(handle)).join().unwrap();
    settled(&recorder).await;
    assert_eq!(service.targets().await, ["dropped"]);
}

#[tokio::test]
async fn policy_spool_fails_without_a_spool_and_is_counted() {
    let service = Service::start().await;
    let recorder = open(service.client(), RecorderConfig::new()).await;
    assert!(!recorder.spools());
    let error = recorder.submit(input("a"), Some(FailurePolicy::Spool)).await.unwrap_err();
    assert_eq!(error.code(), "no_spool");
    assert_balanced(&recorder.stats());
}
