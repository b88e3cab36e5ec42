//! Runs that are to stop.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use auditrail_core::Actor;
use auditrail_store::archive::ArchiveDir;
use auditrail_store::{RetentionOptions, RetentionReport};
use auditrail_testkit::TestDb;
use tempfile::TempDir;

use super::support::{
    JANUARY, LIMITS, contents, plain, retention, rule, run_records, run_with,
    with_closed_partitions, write,
};

/// A run that is to stop after it was asked this often.
async fn stopped(db: &TestDb, dir: Option<&Path>, after: u32) -> RetentionReport {
    let asked = AtomicU32::new(0);
    let options = RetentionOptions {
        by: Actor::System,
        archive: dir.map(|dir| ArchiveDir::open(dir).unwrap()),
        stop: &|| asked.fetch_add(1, Ordering::Relaxed) >= after,
        on_step: &mut |_| {},
        limits: LIMITS,
    };
    retention(db).run(options).await.unwrap()
}

/// The table's own turn, the start of its archive, and two of three chunks.
const WITHIN_AN_ARCHIVE: u32 = 4;

#[tokio::test]
async fn archive_in_progress_is_given_up() {
    for (db, table) in [(with_closed_partitions().await, JANUARY), (plain().await, "audit_logs")] {
        write(&db, 19, "2024-01-05", "t1", "project.created").await;
        rule(&db, "", "", 400).await;
        let (before, dir) = (contents(&db).await, TempDir::new().unwrap());
        let report = stopped(&db, Some(dir.path()), WITHIN_AN_ARCHIVE).await;
        assert!(report.postponed.contains(&table.to_owned()), "{report:?}");
        assert_eq!((report.records, report.archives.len(), report.run_id), (0, 0, None));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(contents(&db).await, before);
        assert_eq!(run_records(&db).await.len(), 0);
        let rest = run_with(&db, Some(dir.path()), &mut |_| {}).await.unwrap();
        assert_eq!((rest.records, rest.postponed.len()), (19, 0));
    }
}
