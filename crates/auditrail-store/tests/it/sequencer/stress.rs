//! Everything at once: many writers of each kind, partitions that come and go, sequencers that are killed.

#![expect(clippy::print_stdout, reason = "figures, for those who run the test by hand")]

mod chaos;
mod writers;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use auditrail_store::sequencer::{Reconciler, Sequencer};
use auditrail_testkit::OwnServer;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::support::{order, reconcile, sequence};
use crate::support::sql;
use chaos::{kill_sequencers, replace_partitions};
use writers::{Tally, write_until};

const WRITERS: u64 = 24;
const SERVERS: usize = 2;

/// How long and how hard. With `AUDITRAIL_STRESS_SECONDS` the test takes so long and is as hard as it gets.
struct Load {
    duration: Duration,
    /// The longest open transaction.
    straggler: Duration,
    kills: u32,
}

impl Load {
    fn chosen() -> Self {
        match std::env::var("AUDITRAIL_STRESS_SECONDS") {
            Ok(seconds) => Self {
                duration: Duration::from_secs(seconds.parse().unwrap()),
                straggler: Duration::from_secs(5),
                kills: 50,
            },
            Err(_) => Self {
                duration: Duration::from_secs(6),
                straggler: Duration::from_secs(1),
                kills: 12,
            },
        }
    }
}

/// The columns, indexes and privileges of the table, partitioned.
const PARTITIONED: &str = "
    alter table control_plane.audit_logs rename to audit_logs_plain;
    create table control_plane.audit_logs
        (like control_plane.audit_logs_plain including defaults including indexes)
        partition by range (id);
    create table control_plane.audit_logs_old partition of control_plane.audit_logs
        for values from (minvalue) to ('80000000-0000-0000-0000-000000000000');
    create table control_plane.audit_logs_high partition of control_plane.audit_logs
        for values from ('80000000-0000-0000-0000-000000000000')
        to ('f0000000-0000-0000-0000-000000000000');
    grant select, insert on control_plane.audit_logs to auditrail_service";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_committed_record_has_exactly_one_seq() {
    let load = Load::chosen();
    let mut server = OwnServer::start().await;
    server.run("alter system set max_prepared_transactions = 40").await;
    server.stop_and_start();
    let mut admin = server.connect().await;
    sql(&mut admin, PARTITIONED).await;
    let tally = Arc::new(Tally::default());
    let until = Instant::now() + load.duration;
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let (options, tally) = (server.service(), Arc::clone(&tally));
            tokio::spawn(write_until(n, options, tally, load.straggler, until))
        })
        .collect();
    let partitions = tokio::spawn(replace_partitions(server.admin(), Arc::clone(&tally), until));
    let pause = load.duration.mul_f64(0.8) / load.kills;
    let killer = tokio::spawn(kill_sequencers(server.admin(), server.service(), pause, until));
    let checks = tokio::spawn(reconcile_until(Reconciler::new(&server.service()), until));

    for writer in writers {
        writer.await.unwrap();
    }
    partitions.await.unwrap();
    let kills = killer.await.unwrap();
    let compared = checks.await.unwrap();
    sequence(&server.service()).await;

    assert!(kills >= load.kills, "{kills}");
    let committed: HashSet<Uuid> = tally.committed().into_iter().collect();
    let dropped = tally.in_dropped_partitions();
    // Also checks that there is no gap and no id twice.
    let order = order(&mut admin).await;
    let sequenced: HashSet<Uuid> = order.iter().copied().collect();
    let lost = committed.difference(&sequenced).filter(|id| !dropped(**id)).count();
    let uncommitted = sequenced.difference(&committed).count();
    println!(
        "{} records of {} transactions committed, {} sequenced; {kills} kills, {} partitions \
         dropped, {compared} records compared",
        committed.len(),
        tally.transactions.load(Relaxed),
        order.len(),
        tally.partitions_dropped.load(Relaxed),
    );
    assert_eq!((lost, uncommitted), (0, 0));
    assert!(tally.partitions_dropped.load(Relaxed) > 0 && committed.len() > 1_000);
    assert_eq!(reconcile(&server.service()).await.1, []);
}

/// Compares records all the time. Returns how many.
async fn reconcile_until(mut reconciler: Reconciler, until: Instant) -> usize {
    let mut compared = 0;
    while Instant::now() < until {
        // A partition that is dropped right now is an error.
        if let Ok(checked) = reconciler.step().await {
            assert_eq!(checked.unsequenced, [], "a false alarm");
            compared += checked.records;
        }
        sleep(Duration::from_millis(50)).await;
    }
    compared
}

/// Sequences until the task is aborted, as a server does.
async fn serve(mut sequencer: Sequencer) {
    loop {
        while let Ok(look) = sequencer.look().await {
            if !look.has_more || sequencer.step().await.is_err() {
                break;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}
