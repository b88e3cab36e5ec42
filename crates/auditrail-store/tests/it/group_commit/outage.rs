//! Outages of the database.

use auditrail_store::{GroupWriter, WriteError, WriteOutcome, WriterLimits};
use auditrail_testkit::TestDb;
use sqlx::PgConnection;
use tokio::task::JoinSet;

use super::support::{BLOCK_WRITES, count, one, outcome, soon, start, start_one, until, within};
use crate::support::{blocked_session, number, sql};

const TERMINATE: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
     where datname = current_database() and application_name = 'auditrail writer'";

/// Rejects connections except of superusers, and terminates the sessions of the writer.
async fn start_outage(db: &TestDb, admin: &mut PgConnection) {
    sql(admin, &format!("alter database {} connection limit 0", db.name())).await;
    number(admin, TERMINATE).await;
}

async fn end_outage(db: &TestDb, admin: &mut PgConnection) {
    sql(admin, &format!("alter database {} connection limit -1", db.name())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_session_loss_loses_and_duplicates_nothing() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    // Small groups, so that there are many commits to interrupt.
    let limits = WriterLimits { group_records: 10, ..WriterLimits::default() };
    let writer = GroupWriter::start(db.app(), limits);
    // Terminates all sessions after every 50 records.
    let killer = tokio::spawn({
        let (writer, mut admin) = (writer.clone(), db.connect(db.admin()).await);
        async move {
            let mut terminated = 0;
            for created in (0..1_950).step_by(50) {
                until(&writer, |stats| stats.created >= created).await;
                terminated += number(&mut admin, TERMINATE).await;
            }
            terminated
        }
    });
    let mut tasks = JoinSet::new();
    for task in 0..50 {
        let writer = writer.clone();
        tasks.spawn(async move {
            let mut created = 0;
            for n in 0..40 {
                let answer = writer.write(one(task * 40 + n), soon()).await.unwrap();
                // Each id was requested once, so there must be no duplicate.
                assert_eq!(answer, outcome(&[0], &[], &[]));
                created += 1;
            }
            created
        });
    }
    let created: i64 = tasks.join_all().await.into_iter().sum();
    let terminated = killer.await.unwrap();
    assert_eq!((created, count(&mut admin).await), (2_000, 2_000));
    assert!(terminated > 10, "only {terminated} sessions were ended");
    assert!(writer.stats().failures > 0);
}

#[tokio::test]
async fn session_lost_during_a_write_is_replaced() {
    let db = TestDb::migrated().await;
    let (mut owner, mut admin) = (db.connect(db.owner()).await, db.connect(db.admin()).await);
    let writer = start_one(&db);
    writer.write(one(0), soon()).await.unwrap();
    sql(&mut owner, BLOCK_WRITES).await;
    let task = tokio::spawn({
        let writer = writer.clone();
        async move { writer.write(one(1), soon()).await }
    });
    blocked_session(&mut admin).await;
    assert_eq!(number(&mut admin, TERMINATE).await, 1);
    until(&writer, |stats| stats.failures >= 1).await;
    assert!(!task.is_finished());
    sql(&mut owner, "commit").await;
    assert_eq!(task.await.unwrap().unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(count(&mut owner).await, 2);
}

#[tokio::test]
async fn requests_wait_for_the_end_of_an_outage_or_the_deadline() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let writer = start(&db);
    writer.write(one(0), soon()).await.unwrap();
    start_outage(&db, &mut admin).await;
    let mut patient = JoinSet::new();
    for n in 1..50 {
        let writer = writer.clone();
        patient.spawn(async move { writer.write(one(n), soon()).await });
    }
    until(&writer, |stats| stats.outage.is_some()).await;
    for n in 100..110 {
        let late = writer.write(one(n), within(50)).await.unwrap_err();
        assert!(matches!(late, WriteError::Unavailable { .. }), "{late:?}");
        assert!(late.retry_after().is_some());
    }
    end_outage(&db, &mut admin).await;
    for answer in patient.join_all().await {
        assert_eq!(answer.unwrap(), outcome(&[0], &[], &[]));
    }
    assert_eq!(count(&mut admin).await, 50);
}

#[tokio::test]
async fn end_of_an_outage_is_detected_without_callers() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    start_outage(&db, &mut admin).await;
    let writer = start(&db);
    until(&writer, |stats| stats.outage.is_some()).await;
    assert!(writer.stats().last_error_at.is_some());
    end_outage(&db, &mut admin).await;
    until(&writer, |stats| stats.outage.is_none()).await;
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[0], &[], &[]));
}

#[tokio::test]
async fn read_only_server_is_an_outage() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let writer = start(&db);
    writer.write(one(0), soon()).await.unwrap();
    let read_only =
        |on: &str| format!("alter database {} set default_transaction_read_only = {on}", db.name());
    sql(&mut admin, &read_only("on")).await;
    number(&mut admin, TERMINATE).await;
    let late = writer.write(one(1), within(500)).await.unwrap_err();
    assert!(matches!(late, WriteError::Unavailable { .. }), "{late:?}");
    assert_eq!(late.code(), "read_only");
    // New sessions of superusers are read-only as well, but not this one.
    sql(&mut admin, &read_only("off")).await;
    assert_eq!(writer.write(one(2), soon()).await.unwrap(), outcome(&[0], &[], &[]));
    until(&writer, |stats| stats.outage.is_none()).await;
}

#[tokio::test]
async fn missing_privilege_and_table_are_outages() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let writer = start(&db);
    let cases = [
        (
            "revoke insert on control_plane.audit_logs from auditrail_app",
            "grant insert on control_plane.audit_logs to auditrail_app",
            "permission_denied",
        ),
        (
            "alter table control_plane.audit_logs rename to elsewhere",
            "alter table control_plane.elsewhere rename to audit_logs",
            "not_migrated",
        ),
    ];
    for (n, (cause, repair, code)) in (0_u32..).zip(cases) {
        sql(&mut owner, cause).await;
        let late = writer.write(one(n), within(300)).await.unwrap_err();
        assert!(matches!(late, WriteError::Unavailable { .. }), "{late:?}");
        assert_eq!(late.code(), code);
        sql(&mut owner, repair).await;
        // Created, or a duplicate if the retry was in flight at the deadline.
        let WriteOutcome { created, duplicates, conflicts } =
            writer.write(one(n), soon()).await.unwrap();
        assert_eq!(([created, duplicates].concat(), conflicts), (vec![0], vec![]));
    }
}
