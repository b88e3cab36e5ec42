//! Commits whose outcome the run does not get to know: the archive of records that left is kept.

use std::path::Path;
use std::sync::atomic::Ordering;

use auditrail_core::Actor;
use auditrail_store::archive::{ArchiveDir, ArchiveReader};
use auditrail_store::{
    RetentionError, RetentionOptions, RetentionReport, RetentionRun, RetentionStep,
};
use auditrail_testkit::{TestDb, until};
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use super::support::{
    LIMITS, contents, in_own_runtime, meanwhile, plain, rule, run_records, run_with, texts,
    with_closed_partitions, write,
};
use crate::proxy::{Loss, Proxy, holds};
use crate::support::sql;

const RECORDS: u32 = 15;

/// Logs from which records leave in each of the two ways that archive them, each with expired records.
async fn filled() -> [TestDb; 2] {
    let logs = [with_closed_partitions().await, plain().await];
    for db in &logs {
        write(db, RECORDS, "2024-01-05", "t1", "project.created").await;
        rule(db, "", "", 400).await;
    }
    logs
}

async fn run_over(
    role: PgConnectOptions,
    dir: &Path,
    is_stopped: bool,
    on_step: &mut (dyn FnMut(RetentionStep) + Send),
) -> Result<RetentionReport, RetentionError> {
    let options = RetentionOptions {
        by: Actor::System,
        archive: Some(ArchiveDir::open(dir).unwrap()),
        stop: &move || is_stopped,
        on_step,
        limits: LIMITS,
    };
    RetentionRun::new(role).run(options).await
}

/// The number of records in all archives, which are valid.
fn archived(dir: &Path) -> u64 {
    let dir = ArchiveDir::open(dir).unwrap();
    let archives = dir.list().unwrap();
    let verified = archives.iter().map(|archive| dir.verify(archive.name).unwrap());
    verified
        .inspect(|manifest| drop(ArchiveReader::open(&dir, manifest.clone()).unwrap()))
        .map(|manifest| manifest.records)
        .sum()
}

fn commits(bytes: &[u8]) -> bool {
    holds(bytes, b"commit\0")
}

fn acknowledges(bytes: &[u8]) -> bool {
    holds(bytes, b"COMMIT\0")
}

#[tokio::test]
async fn unacknowledged_commit_keeps_the_archive_and_is_recorded() {
    for db in filled().await {
        let dir = TempDir::new().unwrap();
        let proxy = Proxy::start(db.owner(), Loss::Response(acknowledges));
        proxy.losses.store(1, Ordering::Relaxed);
        let role = proxy.through(&db.owner());
        let outcome = run_over(role, dir.path(), false, &mut |_| {}).await;
        assert!(matches!(outcome, Err(RetentionError::Unacknowledged { .. })), "{outcome:?}");
        assert_eq!(proxy.losses.load(Ordering::Relaxed), 0);
        assert_eq!(contents(&db).await, Vec::<String>::new());
        assert_eq!(archived(dir.path()), u64::from(RECORDS));
        let [record] = &run_records(&db).await[..] else { panic!("one record") };
        assert_eq!((&record["records"], &record["interrupted"]), (&RECORDS.into(), &false.into()));
    }
}

/// A commit takes until the test releases a lock.
const SLOW_COMMIT: &str = "
    create function public.wait() returns trigger language plpgsql set lock_timeout = 0 as $$
    begin
        perform pg_advisory_xact_lock(7);
        return null;
    end $$;
    create constraint trigger wait after insert on control_plane.audit_log_retention_removals
        deferrable initially deferred for each row execute function public.wait()";

#[tokio::test]
async fn archive_is_kept_while_a_commit_may_take_effect() {
    for db in filled().await {
        db.as_owner(SLOW_COMMIT).await;
        let mut lock = db.connect(db.owner()).await;
        sql(&mut lock, "select pg_advisory_lock(7)").await;
        let dir = TempDir::new().unwrap();
        let proxy = Proxy::start(db.owner(), Loss::Request(commits));
        proxy.losses.store(1, Ordering::Relaxed);
        let role = proxy.through(&db.owner());
        let outcome = run_over(role, dir.path(), false, &mut |_| {}).await;
        assert!(matches!(outcome, Err(RetentionError::Unacknowledged { .. })), "{outcome:?}");
        // Neither this run nor the next one can look whether the records left. An exchange has locked the log too.
        match run_over(db.owner(), dir.path(), true, &mut |_| {}).await {
            Ok(report) => assert_eq!(report.completed_runs, 0),
            Err(error) => assert_eq!(error.code(), "database_busy"),
        }
        assert_eq!(archived(dir.path()), u64::from(RECORDS));

        lock.close().await.unwrap();
        let mut owner = db.connect(db.owner()).await;
        until(&mut owner, "select exists (select from control_plane.audit_log_retention_removals)")
            .await;
        let last = run_over(db.owner(), dir.path(), false, &mut |_| {}).await.unwrap();
        assert_eq!((last.completed_runs, last.records), (1, 0));
        assert_eq!(contents(&db).await, Vec::<String>::new());
        assert_eq!(archived(dir.path()), u64::from(RECORDS));
        assert_eq!(run_records(&db).await[0]["records"], RECORDS);
    }
}

#[tokio::test]
async fn records_stay_if_their_archive_is_gone() {
    for db in filled().await {
        let before = contents(&db).await;
        let dir = TempDir::new().unwrap();
        let mut on_step = |step| {
            if matches!(step, RetentionStep::Archived { .. }) {
                for entry in std::fs::read_dir(dir.path()).unwrap() {
                    std::fs::remove_file(entry.unwrap().path()).unwrap();
                }
            }
        };
        let outcome = run_with(&db, Some(dir.path()), &mut on_step).await;
        assert!(matches!(outcome, Err(RetentionError::Archive(_))), "{outcome:?}");
        assert_eq!(contents(&db).await, before);
        assert_eq!(run_records(&db).await.len(), 0);
    }
}

/// Ends the leadership of the run that is in progress.
const DEPOSE: &str = "
    select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'auditrail retention lock'";

/// As when its host was suspended, and another process became the leader.
#[tokio::test]
async fn next_leader_keeps_the_archive_of_an_open_removal() {
    for db in filled().await {
        let dir = TempDir::new().unwrap();
        let mut next = None;
        let mut on_step = |step: RetentionStep| {
            let is_open =
                matches!(step, RetentionStep::Copied { .. } | RetentionStep::Deleting { .. });
            if is_open && next.is_none() {
                meanwhile(&db, db.admin(), DEPOSE);
                next = Some(in_own_runtime(async {
                    loop {
                        match run_over(db.owner(), dir.path(), true, &mut |_| {}).await {
                            Err(RetentionError::Busy) => {}
                            outcome => break outcome,
                        }
                    }
                }));
            }
        };
        // The removal commits; then the run notices that it is not the leader any more.
        run_over(db.owner(), dir.path(), false, &mut on_step).await.unwrap_err();
        assert_eq!(next.unwrap().unwrap().completed_runs, 0);
        assert_eq!(contents(&db).await, Vec::<String>::new());
        assert_eq!(archived(dir.path()), u64::from(RECORDS));
    }
}

#[tokio::test]
async fn completed_run_removes_nothing_more() {
    for db in filled().await {
        let (before, dir) = (contents(&db).await, TempDir::new().unwrap());
        let mut on_step = |step| {
            if matches!(step, RetentionStep::Archived { .. }) {
                // As another process does for a run that it believes to be interrupted.
                let forget = "delete from control_plane.audit_log_retention_runs";
                meanwhile(&db, db.owner(), forget);
            }
        };
        let outcome = run_with(&db, Some(dir.path()), &mut on_step).await;
        assert!(matches!(outcome, Err(RetentionError::Superseded)), "{outcome:?}");
        assert_eq!(contents(&db).await, before);
        let runs = "select id::text from control_plane.audit_log_retention_runs";
        assert_eq!(texts(&db, runs).await, Vec::<String>::new());
    }
}

/// Sessions that a suspended process leaves open end by themselves, so that they hold no locks.
#[tokio::test]
async fn sessions_may_not_be_silent_for_ever() {
    let [db, _] = filled().await;
    db.as_owner(
        "create table public.timeouts (text text);
         create function public.note() returns trigger language plpgsql as $$
         begin
             insert into public.timeouts values (current_setting('idle_in_transaction_session_timeout'));
             return null;
         end $$;
         create trigger note after insert on control_plane.audit_log_retention_removals
             for each statement execute function public.note()",
    )
    .await;
    let dir = TempDir::new().unwrap();
    run_over(db.owner(), dir.path(), false, &mut |_| {}).await.unwrap();
    assert_eq!(texts(&db, "select distinct text from public.timeouts").await, ["1min"]);
}
