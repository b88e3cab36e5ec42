//! Runs that are interrupted after each of their steps.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use auditrail_core::ArchiveManifest;
use auditrail_store::archive::{ArchiveDir, ArchiveReader};
use auditrail_store::{RetentionError, RetentionStep};
use auditrail_testkit::{TestDb, eventually};
use futures_util::FutureExt as _;
use tempfile::TempDir;

use super::support::{
    contents, rule, run_records, run_with, tables, texts, verify_schema, with_closed_partitions,
    write,
};

/// Old records of t1, which expire, in a closed partition, in the default one and in the newest.
async fn filled() -> TestDb {
    let db = with_closed_partitions().await;
    write(&db, 20, "2024-01-05", "t1", "project.created").await;
    write(&db, 5, "2024-01-06", "t2", "project.created").await;
    write(&db, 12, "2023-11-05", "t1", "project.created").await;
    write(&db, 3, "2023-11-06", "t2", "project.created").await;
    rule(&db, "t1", "project.*", 400).await;
    db
}

const EXPIRED: usize = 32;

/// Runs until the step with this number, at which the run panics, and so loses its connections. Returns whether it had
/// that many steps.
async fn interrupt(db: &TestDb, archive: Option<&Path>, at: usize) -> Option<RetentionStep> {
    let (mut number, mut last) = (0, None);
    let mut on_step = |step: RetentionStep| {
        if matches!(step, RetentionStep::LookedAt { .. }) {
            return;
        }
        number += 1;
        if number > at {
            last = Some(step);
            std::panic::resume_unwind(Box::new("interrupted"));
        }
    };
    // On a busy machine the exchange of a partition may not end in time, and is postponed.
    for _ in 0..RUNS_MAX {
        let run = AssertUnwindSafe(run_with(db, archive, &mut on_step)).catch_unwind().await;
        match run {
            Ok(report) if !report.as_ref().unwrap().postponed.is_empty() => {}
            _ => break,
        }
    }
    last
}

/// Runs until everything has left, once the server has noticed that the former run is gone.
async fn resume(db: &TestDb, archive: Option<&Path>) {
    eventually("a run removes everything", async || {
        match run_with(db, archive, &mut |_| {}).await {
            Err(RetentionError::Busy) => false,
            outcome => outcome.unwrap().postponed.is_empty(),
        }
    })
    .await;
}

const RUNS_MAX: usize = 30;

/// The lines of all archives.
fn archived(dir: &Path) -> Vec<(String, ArchiveManifest)> {
    let dir = ArchiveDir::open(dir).unwrap();
    let mut lines = Vec::new();
    for archive in dir.list().unwrap() {
        let manifest = dir.verify(archive.name).unwrap();
        let mut reader = ArchiveReader::open(&dir, manifest.clone()).unwrap();
        while let Some((line, _)) = reader.next_line().unwrap() {
            lines.push((line.id.to_string(), manifest.clone()));
        }
    }
    lines
}

async fn interrupted_at_each_step(with_archive: bool) {
    let mut interrupted = 0;
    loop {
        let (db, dir) = (filled().await, TempDir::new().unwrap());
        let archive = with_archive.then(|| dir.path());
        let before = contents(&db).await;
        let stays = texts(
            &db,
            "select r::text from control_plane.audit_logs r
              where action = 'project.created' and tenant_id = 't2' order by id",
        )
        .await;
        let Some(step) = interrupt(&db, archive, interrupted).await else { break };
        let now: HashSet<String> = contents(&db).await.into_iter().collect();
        assert!(stays.iter().all(|record| now.contains(record)), "lost after {step:?}");
        assert!(now.iter().all(|record| before.contains(record)), "changed after {step:?}");
        let left = before.len() - now.len();
        let listed = texts(
            &db,
            "select coalesce(sum(records), 0)::text from control_plane.audit_log_retention_removals",
        )
        .await;
        assert_eq!(listed, [left.to_string()], "after {step:?}");

        let unrecorded = texts(
            &db,
            "select id::text from control_plane.audit_log_retention_runs run
              where recorded_at is null
                and exists (select from control_plane.audit_log_retention_removals where run_id = run.id)",
        )
        .await;

        resume(&db, archive).await;
        assert_eq!(contents(&db).await, stays, "after {step:?}");
        let records = run_records(&db).await;
        let recorded: u64 = records.iter().filter_map(|record| record["records"].as_u64()).sum();
        assert_eq!(recorded, EXPIRED as u64, "after {step:?}: {records:?}");
        let incomplete = records.iter().filter(|record| record["interrupted"] == true).count();
        assert_eq!(incomplete, unrecorded.len(), "after {step:?}");
        let unrecorded = "select id::text from control_plane.audit_log_retention_runs
                           where recorded_at is null";
        assert_eq!(texts(&db, unrecorded).await, Vec::<String>::new());
        assert_eq!(tables(&db, "audit_logs_retired").await, Vec::<String>::new());
        assert_eq!(tables(&db, "audit_logs_new").await, Vec::<String>::new());
        verify_schema(&db).await;
        if with_archive {
            let lines = archived(dir.path());
            let ids: HashSet<&str> = lines.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!((lines.len(), ids.len()), (EXPIRED, EXPIRED), "after {step:?}");
        }
        interrupted += 1;
    }
    // Surveyed, copied, exchanged, dropped, several deletions of two events each, recorded.
    assert!(interrupted >= 9, "{interrupted}");
}

#[tokio::test]
async fn interruption_at_any_step_loses_and_doubles_nothing() {
    interrupted_at_each_step(false).await;
}

#[tokio::test]
async fn interruption_leaves_each_record_in_the_log_or_in_one_archive() {
    interrupted_at_each_step(true).await;
}

#[tokio::test]
async fn terminated_session_ends_the_run_and_the_next_one_goes_on() {
    let db = filled().await;
    let mut steps = 0;
    let mut on_step = |step| {
        steps += usize::from(!matches!(step, RetentionStep::LookedAt { .. }));
        if steps == 4 {
            super::support::meanwhile(
                &db,
                db.admin(),
                "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and application_name like 'auditrail retention%'",
            );
        }
    };
    let outcome = run_with(&db, None, &mut on_step).await;
    outcome.unwrap_err();
    resume(&db, None).await;
    let recorded: u64 =
        run_records(&db).await.iter().filter_map(|record| record["records"].as_u64()).sum();
    assert_eq!(recorded, EXPIRED as u64);
    verify_schema(&db).await;
}
