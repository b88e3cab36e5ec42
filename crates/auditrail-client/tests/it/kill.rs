//! Processes killed with SIGKILL at each step: every acknowledged or spooled record is stored, none
//! twice.

use std::collections::BTreeSet;
use std::path::Path;

use crate::child::Recording;
use crate::proxy::Fault;
use crate::support::{Service, open, quick, settled};

/// Reads the child's lines up to the last one wanted, without blocking the service in this process.
async fn lines(
    mut child: Recording,
    is_last: impl Fn(&str) -> bool + Send + 'static,
) -> (Recording, Vec<String>) {
    tokio::task::spawn_blocking(move || {
        let mut output = Vec::new();
        while let Some(line) = child.line() {
            let is_last = is_last(&line);
            output.push(line);
            if is_last {
                break;
            }
        }
        (child, output)
    })
    .await
    .unwrap()
}

/// Opens the spool in this process, waits until it is empty, and returns how many records were in
/// it.
async fn redeliver(service: &Service, spool: &Path) -> u64 {
    let recorder = open(service.client(), quick().spool(spool)).await;
    settled(&recorder).await;
    let stats = recorder.stats();
    assert_eq!((stats.refused, stats.quarantined, stats.damaged_files), (0, 0, 0), "{stats:?}");
    recorder.close(crate::support::LONG).await;
    stats.recovered
}

/// Asserts that all durable records are stored, and none twice.
async fn assert_stored(service: &Service, output: &[String]) {
    let targets = service.targets().await;
    let distinct: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
    assert_eq!(distinct.len(), targets.len(), "a record is stored twice");
    for durable in output.iter().filter_map(|line| line.strip_prefix("durable ")) {
        assert!(distinct.contains(durable), "{durable} is lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_before_sending_keeps_spooled_records() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.set_default(Fault::Hold);
    let child = Recording::start(&service.proxy.url(), spool.path(), "a", 1);
    // The `must` record is held forever, and the child does not wait for the `spool` record before
    // it.
    let (child, mut output) = lines(child, |line| line == "submitted a-0-best_effort").await;
    service.proxy.held(2).await;
    output.extend(child.kill());
    service.proxy.set_default(Fault::Pass);
    assert_eq!(redeliver(&service, spool.path()).await, 1);
    assert_eq!(service.targets().await, ["a-0-spool"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_before_the_response_duplicates_nothing() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.set_default(Fault::HoldAfter);
    let child = Recording::start(&service.proxy.url(), spool.path(), "a", 1);
    let (child, mut output) = lines(child, |line| line == "submitted a-0-best_effort").await;
    // Each policy has its own request in flight.
    service.proxy.held(3).await;
    output.extend(child.kill());
    assert_eq!(service.targets().await, ["a-0-best_effort", "a-0-must", "a-0-spool"]);
    service.proxy.set_default(Fault::Pass);
    assert_eq!(redeliver(&service, spool.path()).await, 1);
    assert_eq!(service.targets().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_after_delivery_duplicates_nothing() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let child = Recording::start(&service.proxy.url(), spool.path(), "a", 3);
    let (child, mut output) = lines(child, |line| line == "settled").await;
    output.extend(child.kill());
    assert_eq!(output.iter().filter(|line| line.starts_with("durable ")).count(), 6);
    redeliver(&service, spool.path()).await;
    assert_stored(&service, &output).await;
    assert_eq!(service.targets().await.len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_kills_lose_and_duplicate_nothing() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let mut output = Vec::new();
    for round in 0..12 {
        // Some responses are lost, and some requests.
        service.proxy.next([Fault::Pass, Fault::ResetAfter, Fault::Reset, Fault::respond(500, "")]);
        let child =
            Recording::start(&service.proxy.url(), spool.path(), &format!("r{round}"), 10_000);
        // Later each time: while opening, during the first records, during many.
        let last = match round {
            0 | 6 => "open".to_owned(),
            1..=5 => format!("durable r{round}-{}-spool", round - 1),
            _ => format!("durable r{round}-{}-must", round * 3),
        };
        let (child, lines) = lines(child, move |line| line == last).await;
        output.extend(lines);
        output.extend(child.kill());
    }
    assert!(output.iter().filter(|line| line.starts_with("durable ")).count() > 200);
    redeliver(&service, spool.path()).await;
    assert_stored(&service, &output).await;
}
