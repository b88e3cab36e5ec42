//! Asking several witnesses.

use std::time::{Duration, Instant};

use auditrail_witness::{WitnessError, collect};

use crate::fake::Fake;
use crate::support::{LONG, Log, Running, directory};

#[tokio::test]
async fn slow_and_malicious_witnesses_delay_nothing() {
    let directories = [directory(), directory()];
    let log = Log::new("entry", 20);
    let honest =
        [Running::start(directories[0].path()).await, Running::start(directories[1].path()).await];
    // One of them knows the log already.
    honest[1].client().cosign(&log.checkpoint(7), &log).await.unwrap();
    let silent = Fake::start(Vec::new(), None).await;
    let hostile = Fake::with_status("200 OK", "", "nonsense\n").await;
    let clients =
        [silent.client(LONG), honest[0].client(), hostile.client(LONG), honest[1].client()];
    let deadline = Duration::from_millis(1_500);
    let started = Instant::now();
    let outcomes = collect(&clients, &log.checkpoint(20), &log, deadline).await;
    assert!(started.elapsed() < deadline * 4, "{:?}", started.elapsed());
    let urls: Vec<&str> = outcomes.iter().map(|outcome| outcome.witness.url()).collect();
    assert_eq!(urls, clients.iter().map(|client| client.url()).collect::<Vec<_>>());
    let [silent, first, hostile, second] = outcomes.try_into().unwrap();
    let silent = silent.result.unwrap_err();
    assert!(matches!(silent, WitnessError::Timeout { after } if after == deadline), "{silent:?}");
    assert!(matches!(hostile.result, Err(WitnessError::Lines(_))), "{:?}", hostile.result);
    assert_eq!(first.result.unwrap().len(), 1);
    assert_eq!(second.result.unwrap().len(), 1);
}

#[tokio::test]
async fn no_witnesses_have_no_outcomes() {
    let log = Log::new("entry", 1);
    assert!(collect([], &log.checkpoint(1), &log, LONG).await.is_empty());
}
