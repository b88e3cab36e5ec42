//! Batching, and opening and closing of recorders.

use std::path::Path;
use std::time::Duration;

use auditrail_client::{OpenError, Recorder};
use auditrail_core::{DeliveryStatus, FailurePolicy, RecordSink};
use auditrail_testkit::eventually;
use redb::TableDefinition;

use crate::proxy::Fault;
use crate::support::{LONG, Service, assert_balanced, input, open, quick, settled};

#[tokio::test]
async fn full_batches_are_sent_at_once_and_the_rest_lingers() {
    let service = Service::start().await;
    let recorder = open(service.client(), quick().linger(10 * LONG)).await;
    for n in 0..1_200 {
        let pending = recorder.submit(input(&format!("{n:04}")), Some(FailurePolicy::BestEffort));
        assert_eq!(pending.await.unwrap(), DeliveryStatus::Queued);
    }
    eventually("two full batches", async || recorder.stats().sent == 1_000).await;
    assert_eq!(service.proxy.times().len(), 2);
    assert_eq!(recorder.flush(LONG).await.delivered, 200);
    assert_eq!(service.proxy.times().len(), 3);
    let all: Vec<_> = (0..1_200).map(|n| format!("{n:04}")).collect();
    assert_eq!(service.targets().await, all);
}

#[tokio::test]
async fn batches_are_bounded_in_bytes_and_must_records_coalesce() {
    let service = Service::start().await;
    let config = quick().linger(10 * LONG).batch_max_bytes(50_000);
    let recorder = open(service.client(), config).await;
    let wide = format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000));
    for n in 0..10 {
        let record = input(&n.to_string()).with_metadata(wide.parse().unwrap());
        recorder.submit(record, Some(FailurePolicy::BestEffort)).await.unwrap();
    }
    recorder.flush(LONG).await;
    assert_eq!(service.proxy.times().len(), 5);
    let pending: Vec<_> = (0..100).map(|n| recorder.record(input(&format!("m{n}")))).collect();
    for pending in pending {
        assert_eq!(pending.await.unwrap(), DeliveryStatus::Acknowledged);
    }
    assert_eq!(service.proxy.times().len(), 6);
    assert_eq!(service.targets().await.len(), 110);
}

#[tokio::test]
async fn drop_without_close_delivers_and_releases_the_spool() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let config = || quick().linger(10 * LONG).spool(spool.path());
    let recorder = open(service.client(), config()).await;
    for policy in FailurePolicy::ALL {
        drop(recorder.submit(input(policy.as_str()), Some(policy)));
    }
    let second = Recorder::open(service.client(), config()).await;
    assert!(matches!(second, Err(OpenError::SpoolLocked { .. })));
    drop(recorder);
    eventually("the spool is released", async || {
        Recorder::open(service.client(), config()).await.is_ok()
    })
    .await;
    assert_eq!(service.targets().await, ["best_effort", "must", "spool"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_of_the_runtime_fails_pending_records() {
    let service = Service::start().await;
    service.proxy.set_default(Fault::Hold);
    let client = service.client();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let recorder = runtime.block_on(Recorder::open(client, quick())).unwrap();
        let in_flight = recorder.record(input("in flight"));
        drop(runtime);
        let late = recorder.record(input("late"));
        (recorder, in_flight, late)
    });
    let (recorder, in_flight, late) = thread.join().unwrap();
    assert_eq!(in_flight.await.unwrap_err().code(), "closed");
    assert_eq!(late.await.unwrap_err().code(), "closed");
    assert_balanced(&recorder.stats());
    assert_eq!(recorder.stats().pending, 0);
}

#[tokio::test]
async fn open_error_names_the_spool_directory() {
    let service = Service::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Recorder::open(service.client(), quick().spool(file.path())).await.unwrap_err();
    assert!(matches!(error, OpenError::Spool { .. }), "{error:?}");
    assert!(error.to_string().contains(file.path().to_str().unwrap()));
}

/// Overwrites a record in the closed file.
fn damage_record(spool: &Path, key: u64) {
    let database = redb::Database::create(spool.join("spool.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let records: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
    write.open_table(records).unwrap().insert(key, &b"nonsense"[..]).unwrap();
    write.commit().unwrap();
}

#[tokio::test]
async fn damage_in_the_spool_is_counted_and_other_records_arrive() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.stop();
    let recorder = open(service.client(), quick().spool(spool.path())).await;
    for target in ["a", "b", "c"] {
        assert_eq!(recorder.record(input(target)).await.unwrap(), DeliveryStatus::Spooled);
    }
    assert_eq!(recorder.close(Duration::ZERO).await.pending, 3);
    damage_record(spool.path(), 1);
    service.proxy.restart();
    let next = open(service.client(), quick().spool(spool.path())).await;
    settled(&next).await;
    let stats = next.stats();
    assert_eq!((stats.recovered, stats.redelivered, stats.quarantined), (3, 2, 1));
    assert_eq!(service.targets().await, ["a", "c"]);
    next.close(LONG).await;

    std::fs::write(spool.path().join("spool.redb"), "not a database").unwrap();
    let next = open(service.client(), quick().spool(spool.path())).await;
    assert_eq!(next.stats().damaged_files, 1);
    assert_eq!(next.record(input("d")).await.unwrap(), DeliveryStatus::Spooled);
    settled(&next).await;
    assert_eq!(service.targets().await, ["a", "c", "d"]);
}

#[tokio::test]
async fn delivered_records_are_not_recovered_again() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let recorder = open(service.client(), quick().spool(spool.path())).await;
        assert_eq!(recorder.stats().recovered, 0, "round {round}");
        for n in 0..20 {
            recorder.record(input(&format!("{round}-{n}"))).await.unwrap();
        }
        let closed = recorder.close(LONG).await;
        assert_eq!((closed.failed, closed.pending), (0, 0));
        assert_eq!(recorder.stats().spool_bytes, 0);
    }
    assert_eq!(service.targets().await.len(), 100);
}
