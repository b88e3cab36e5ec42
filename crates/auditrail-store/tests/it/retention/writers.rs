//! Writers and readers beside a run.

#![expect(clippy::print_stderr, reason = "figures, for those who run the test by hand")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use auditrail_core::Actor;
use auditrail_store::{RetentionOptions, RetentionStep, RunLimits};

use super::support::{
    LIMITS, count, impatient, records, retention, rule, with_closed_partitions, write,
};
use crate::support::sql;

/// Then they leave the run the gap in time that it may not find beside them on a busy machine.
const STATEMENTS_MAX: u32 = 300;

/// Each statement waits for at most 100 milliseconds for a lock, or fails, and with it the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_readers_wait_for_no_lock_for_long() {
    let db = with_closed_partitions().await;
    for (day, count) in [("2024-01-05", 400), ("2024-02-05", 400), ("2023-11-05", 100)] {
        write(&db, count, day, "t1", "project.created").await;
        write(&db, count / 20, day, "t2", "project.created").await;
    }
    rule(&db, "t1", "project.*", 400).await;
    let is_done = AtomicBool::new(false);
    let writes = async {
        let mut app = impatient(&db, db.app()).await;
        let (mut written, mut longest) = (0_u32, Duration::ZERO);
        while !is_done.load(Ordering::Relaxed) && written < STATEMENTS_MAX {
            let started = Instant::now();
            // Into the newest partition, and into one that is being replaced.
            let day = if written.is_multiple_of(2) { "2026-11-01" } else { "2024-01-20" };
            sql(&mut app, &records(1, day, "t3", "project.created")).await;
            written += 1;
            longest = longest.max(started.elapsed());
        }
        (written, longest)
    };
    let reads = async {
        let mut reader = impatient(&db, db.reader()).await;
        let mut reads = 0;
        while !is_done.load(Ordering::Relaxed) && reads < STATEMENTS_MAX {
            reads += 1;
            sql(&mut reader, "select count(*) from control_plane.audit_logs").await;
        }
    };
    let removal = async {
        let (exchanged, mut records) = (AtomicU32::new(0), 0);
        let mut on_step = |step| {
            if matches!(step, RetentionStep::Exchanged { .. }) {
                exchanged.fetch_add(1, Ordering::Relaxed);
            }
        };
        // An exchange that finds no gap in time is postponed.
        while exchanged.load(Ordering::Relaxed) < 2 {
            let options = RetentionOptions {
                by: Actor::System,
                archive: None,
                stop: &|| false,
                on_step: &mut on_step,
                limits: RunLimits { kept_max: STATEMENTS_MAX as usize, ..LIMITS },
            };
            records += retention(&db).run(options).await.unwrap().records;
        }
        is_done.store(true, Ordering::Relaxed);
        records
    };
    let ((written, longest), (), removed) = tokio::join!(writes, reads, removal);
    assert_eq!(removed, 900);
    assert!(written > 10, "{written} writes");
    assert_eq!(count(&db, "tenant_id = 't3'").await, i64::from(written));
    assert_eq!(count(&db, "tenant_id = 't2'").await, 45);
    eprintln!("{written} writes beside the run, the longest took {longest:?}");
}
