//! Processes that are killed with `kill -9` at each step: what was vouched for is there, and nothing is there
//! twice.

use std::collections::BTreeSet;
use std::path::Path;

use crate::child::Recording;
use crate::proxy::Fault;
use crate::support::{Service, open, quick, settled};

/// Reads what the child says, without holding up the service that is in this process too.
async fn lines(
    mut child: Recording,
    enough: impl Fn(&str) -> bool + Send + 'static,
) -> (Recording, Vec<String>) {
    tokio::task::spawn_blocking(move || {
        let mut said = Vec::new();
        while let Some(line) = child.line() {
            let last = enough(&line);
            said.push(line);
            if last {
                break;
            }
        }
        (child, said)
    })
    .await
    .unwrap()
}

/// Opens the spool in this process and waits until everything in it is delivered.
async fn redeliver(service: &Service, spool: &Path) -> u64 {
    let recorder = open(service.client(), quick().spool(spool)).await;
    settled(&recorder).await;
    let stats = recorder.stats();
    assert_eq!((stats.refused, stats.quarantined, stats.damaged_files), (0, 0, 0), "{stats:?}");
    recorder.close(crate::support::LONG).await;
    stats.recovered
}

/// Whether all of these are there, and none twice.
async fn assert_there(service: &Service, said: &[String]) {
    let targets = service.targets().await;
    let there: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
    assert_eq!(there.len(), targets.len(), "something is there twice");
    for vouched in said.iter().filter_map(|line| line.strip_prefix("vouched ")) {
        assert!(there.contains(vouched), "{vouched} is lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_anything_is_sent_the_next_process_delivers_what_was_spooled() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.otherwise(Fault::Hold);
    let child = Recording::start(&service.proxy.url(), spool.path(), "a", 1);
    // The record of `must` is held for ever, and that of `spool` is not waited for before.
    let (child, mut said) = lines(child, |line| line == "taken a-0-best_effort").await;
    service.proxy.held(2).await;
    said.extend(child.kill());
    service.proxy.otherwise(Fault::Pass);
    assert_eq!(redeliver(&service, spool.path()).await, 1);
    assert_eq!(service.targets().await, ["a-0-spool"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_service_committed_and_before_it_was_heard_nothing_is_doubled() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    service.proxy.otherwise(Fault::HoldAfter);
    let child = Recording::start(&service.proxy.url(), spool.path(), "a", 1);
    let (child, mut said) = lines(child, |line| line == "taken a-0-best_effort").await;
    // Each policy has a request of its own under way.
    service.proxy.held(3).await;
    said.extend(child.kill());
    assert_eq!(service.targets().await, ["a-0-best_effort", "a-0-must", "a-0-spool"]);
    service.proxy.otherwise(Fault::Pass);
    assert_eq!(redeliver(&service, spool.path()).await, 1);
    assert_eq!(service.targets().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_once_everything_is_delivered_there_is_nothing_left_to_double() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let child = Recording::start(&service.proxy.url(), spool.path(), "a", 3);
    let (child, mut said) = lines(child, |line| line == "settled").await;
    said.extend(child.kill());
    assert_eq!(said.iter().filter(|line| line.starts_with("vouched ")).count(), 6);
    redeliver(&service, spool.path()).await;
    assert_there(&service, &said).await;
    assert_eq!(service.targets().await.len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_amid_mixed_work_again_and_again_on_one_spool_nothing_is_lost_or_doubled() {
    let service = Service::start().await;
    let spool = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for round in 0..12 {
        // Some answers get lost, and some tries with them.
        service.proxy.next([Fault::Pass, Fault::ResetAfter, Fault::Reset, Fault::answer(500, "")]);
        let child =
            Recording::start(&service.proxy.url(), spool.path(), &format!("r{round}"), 10_000);
        // A step further each time: while opening, amid the first records, amid many.
        let last = match round {
            0 | 6 => "open".to_owned(),
            1..=5 => format!("vouched r{round}-{}-spool", round - 1),
            _ => format!("vouched r{round}-{}-must", round * 3),
        };
        let (child, heard) = lines(child, move |line| line == last).await;
        said.extend(heard);
        said.extend(child.kill());
    }
    assert!(said.iter().filter(|line| line.starts_with("vouched ")).count() > 200);
    redeliver(&service, spool.path()).await;
    assert_there(&service, &said).await;
}
