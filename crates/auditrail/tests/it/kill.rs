//! `kill -9` of the service, of PostgreSQL and of both under a mixed load: acknowledged records are
//! stored exactly once, all others at most once.
//!
//! A few rounds run with the other tests. `AUDITRAIL_KILL_ROUNDS=50` is the full run;
//! `AUDITRAIL_KILL_SEED` selects other kill times.

mod checkpoints;
mod kept;
mod load;
mod sql_writers;
mod tally;
mod victim;

use std::env;
use std::ops::Range;
use std::time::Duration;

use auditrail_testkit::{Transport, over_each_transport};

use crate::kill::load::{Load, Moment};
use crate::kill::tally::{Tally, stored};
use crate::kill::victim::{Stage, Victim};

/// Rounds with the other tests.
const ROUNDS: u64 = 3;
/// The seed of the first round.
const SEED: u64 = 1;

over_each_transport! {
    killed_service_keeps_exactly_once,
    killed_postgres_keeps_exactly_once,
    killing_both_keeps_exactly_once,
}

async fn killed_service_keeps_exactly_once(transport: Transport) {
    rounds(Victim::Service, transport).await;
}

async fn killed_postgres_keeps_exactly_once(transport: Transport) {
    rounds(Victim::Database, transport).await;
}

async fn killing_both_keeps_exactly_once(transport: Transport) {
    rounds(Victim::Both, transport).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_private_postgres_keeps_exactly_once() {
    rounds(Victim::Private, Transport::Unix).await;
}

/// The seed of each round.
fn seeds() -> Range<u64> {
    let number = |name: &str, default| env::var(name).map_or(default, |n| n.parse().unwrap());
    let (rounds, seed) =
        (number("AUDITRAIL_KILL_ROUNDS", ROUNDS), number("AUDITRAIL_KILL_SEED", SEED));
    seed..seed + rounds
}

async fn rounds(victim: Victim, transport: Transport) {
    let seeds = seeds();
    let rounds = seeds.end - seeds.start;
    let mut stage = Stage::start(victim, transport).await;
    let mut all = Tally::default();
    for seed in seeds {
        let tally = round(&mut stage, seed, Moment::of(seed)).await;
        eprintln!("{victim:?} over {transport}, seed {seed}: {tally}");
        all += tally;
    }
    eprintln!("{victim:?} over {transport}, {rounds} rounds: {all}");
    // If only PostgreSQL was killed, it may be back before any request fails.
    let repeats = victim == Victim::Database || all.repeated > 0;
    assert!(all.acknowledged > 0 && repeats, "no kill had an effect: {all}");
}

/// Runs the load, kills the victim, recovers, and compares the stored records with the load.
async fn round(stage: &mut Stage, seed: u64, moment: Moment) -> Tally {
    let load = Load::start(stage.address(), stage.key(), seed);
    let Moment { acknowledged, then } = moment;
    load.acknowledged(acknowledged).await;
    // A random delay, so that the kills hit every phase of a commit over the rounds.
    tokio::time::sleep(then).await;
    stage.kill(seed);
    let requests = load.stop().await;
    stage.recover().await;

    let counts = stored(stage, seed).await;
    let mut tally = Tally::of(&requests, &counts, seed);
    for write in requests.iter().filter(|write| !write.is_acknowledged() && write.is_repeatable()) {
        tokio::time::timeout(Duration::from_secs(60), write.repeat(stage))
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: never acknowledged: {write:?}"));
        tally.repeated += 1;
    }
    tally::assert_stored_once(&requests, &stored(stage, seed).await, seed);
    tally
}
