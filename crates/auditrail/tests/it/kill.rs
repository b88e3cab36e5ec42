//! `kill -9` of the service, of PostgreSQL and of both, in the middle of mixed work: what was
//! acknowledged is there once, and what was not at most once.
//!
//! A few rounds run with the other tests. `AUDITRAIL_KILL_ROUNDS=50` is the full run, and
//! `AUDITRAIL_KILL_SEED` begins it with other moments.

mod load;
mod tally;
mod victim;

use std::env;
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
    a_killed_service_loses_and_doubles_nothing,
    a_killed_postgresql_loses_and_doubles_nothing,
    a_service_killed_with_its_postgresql_loses_and_doubles_nothing,
}

async fn a_killed_service_loses_and_doubles_nothing(transport: Transport) {
    rounds(Victim::Service, transport).await;
}

async fn a_killed_postgresql_loses_and_doubles_nothing(transport: Transport) {
    rounds(Victim::Database, transport).await;
}

async fn a_service_killed_with_its_postgresql_loses_and_doubles_nothing(transport: Transport) {
    rounds(Victim::Both, transport).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_service_with_a_private_postgresql_loses_and_doubles_nothing() {
    rounds(Victim::Private, Transport::Unix).await;
}

async fn rounds(victim: Victim, transport: Transport) {
    let number = |name: &str, default| env::var(name).map_or(default, |n| n.parse().unwrap());
    let (rounds, seed) =
        (number("AUDITRAIL_KILL_ROUNDS", ROUNDS), number("AUDITRAIL_KILL_SEED", SEED));
    let mut stage = Stage::set(victim, transport).await;
    let mut all = Tally::default();
    for seed in seed..seed + rounds {
        let tally = round(&mut stage, seed).await;
        eprintln!("{victim:?} over {transport}, seed {seed}: {tally}");
        all += tally;
    }
    eprintln!("{victim:?} over {transport}, {rounds} rounds: {all}");
    // A PostgreSQL that is back in time leaves nothing to be repeated.
    let repeats = victim == Victim::Database || all.repeated > 0;
    assert!(all.acknowledged > 0 && repeats, "nothing was tried: {all}");
}

/// Lets clients work, kills in the middle, starts again what was killed, and counts.
async fn round(stage: &mut Stage, seed: u64) -> Tally {
    let load = Load::start(stage.address(), stage.key(), seed);
    let Moment { acknowledged, then } = Moment::of(seed);
    load.acknowledged(acknowledged).await;
    // Not to wait for anything, but to hit each part of a commit in some round.
    tokio::time::sleep(then).await;
    stage.kill(seed);
    let written = load.stop().await;
    stage.recover().await;

    let found = stored(stage, seed).await;
    let mut tally = Tally::of(&written, &found, seed);
    for write in written.iter().filter(|write| !write.is_acknowledged() && write.is_repeatable()) {
        let repeated = tokio::time::timeout(Duration::from_secs(60), write.repeat(stage)).await;
        repeated.unwrap_or_else(|_| panic!("seed {seed}: never acknowledged: {write:?}"));
        tally.repeated += 1;
    }
    tally::all_there_once(&written, &stored(stage, seed).await, seed);
    tally
}
