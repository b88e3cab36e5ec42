//! Replacement of closed partitions.

use std::time::Duration;

use auditrail_core::Actor;
use auditrail_store::archive::ArchiveDir;
use auditrail_store::{RetentionError, RetentionOptions, RetentionStep, RunLimits};
use sqlx::Connection as _;

use super::deletion::HOLD_U1;
use super::support::{
    JANUARY, LIMITS, contents, count, impatient, meanwhile, plan, records, retention, rule, run,
    run_records, run_with, tables, verify_schema, with_closed_partitions, write,
};
use crate::partitions::support::{insert, timed_id};
use crate::support::sql;

async fn exchanged(db: &auditrail_testkit::TestDb) -> (Vec<RetentionStep>, u64) {
    let mut steps = Vec::new();
    let mut on_step = |step| match step {
        RetentionStep::LookedAt { .. } => {}
        step => steps.push(step),
    };
    let report = run_with(db, None, &mut on_step).await.unwrap();
    (steps, report.records)
}

#[tokio::test]
async fn expired_partition_is_replaced_by_an_empty_one() {
    let db = with_closed_partitions().await;
    verify_schema(&db).await;
    write(&db, 40, "2024-01-05", "t1", "project.created").await;
    write(&db, 40, "2024-02-05", "t2", "project.created").await;
    rule(&db, "t1", "", 400).await;
    assert_eq!(plan(&db).await.records(), 40);
    let changes = "select changes::text from control_plane.audit_log_maintenance";
    let before = super::support::texts(&db, changes).await;
    let (steps, removed) = exchanged(&db).await;
    assert_eq!(removed, 40);
    // A merge in progress has copied what left, and must start again.
    assert_ne!(super::support::texts(&db, changes).await, before);
    let partition = JANUARY.to_owned();
    assert_eq!(
        steps,
        [
            RetentionStep::Surveyed { partition: partition.clone(), expired: 40, kept: 0 },
            RetentionStep::Copied { partition: partition.clone() },
            RetentionStep::Exchanged { partition, records: 40 },
            RetentionStep::Dropped,
            RetentionStep::Recorded,
        ]
    );
    assert_eq!(count(&db, "tenant_id = 't1'").await, 1, "the record of the rule");
    assert_eq!(count(&db, "tenant_id = 't2'").await, 40);
    verify_schema(&db).await;
    assert_eq!(tables(&db, "audit_logs_retired").await, Vec::<String>::new());
    assert_eq!(tables(&db, "audit_logs_new").await, Vec::<String>::new());
    // Records with such ids still have a place.
    write(&db, 3, "2024-01-07", "t1", "project.created").await;
    assert_eq!(count(&db, "tenant_id = 't1' and created_at < '2025-01-01'").await, 3);
    let record = &run_records(&db).await[0];
    assert_eq!(record["removed"][0]["partition"], JANUARY);
}

#[tokio::test]
async fn progress_counts_each_record_that_is_looked_at() {
    for archive in [false, true] {
        let db = with_closed_partitions().await;
        write(&db, 40, "2024-01-05", "t1", "project.created").await;
        write(&db, 15, "2024-01-06", "t2", "project.created").await;
        rule(&db, "t1", "", 400).await;
        let dir = tempfile::TempDir::new().unwrap();
        let mut seen = Vec::new();
        let mut on_step = |step| {
            if let RetentionStep::LookedAt { partition, records } = step {
                assert_eq!(partition, JANUARY);
                seen.push(records);
            }
        };
        retention(&db).plan(&mut on_step).await.unwrap();
        run_with(&db, archive.then(|| dir.path()), &mut on_step).await.unwrap();
        assert_eq!(seen[0], 55, "the plan");
        assert!(seen.len() > 2, "{seen:?}");
        assert_eq!(seen[1..].iter().sum::<u64>(), 55, "the run");
    }
}

/// No other process maintains the partitions during a run.
#[tokio::test]
async fn full_hot_partition_is_closed_during_a_run() {
    for archive in [false, true] {
        let db = with_closed_partitions().await;
        // All of one partition, so that the hot one is closed between the walk through it and its exchange.
        write(&db, 40, "2024-01-05", "t1", "project.created").await;
        let mut app = db.connect(db.app()).await;
        insert(&mut app, &timed_id(-1), 500).await;
        rule(&db, "t1", "", 400).await;
        let dir = tempfile::TempDir::new().unwrap();
        let mut closed = Vec::new();
        let mut on_step = |step| {
            if let RetentionStep::Closed { partition } = step {
                closed.push(partition);
            }
        };
        let options = RetentionOptions {
            by: Actor::System,
            archive: archive.then(|| ArchiveDir::open(dir.path()).unwrap()),
            stop: &|| false,
            on_step: &mut on_step,
            limits: RunLimits { hot_rows: 100, hot_look: Duration::ZERO, ..LIMITS },
        };
        let report = retention(&db).run(options).await.unwrap();
        assert_eq!((report.records, report.postponed), (40, Vec::new()));
        assert_eq!(closed.len(), 1, "{closed:?}");
        let hot = tables(&db, "audit_logs_hot").await;
        assert_eq!(hot, ["audit_logs_hot"]);
        let records = format!("select count(*)::text from control_plane.{}", closed[0]);
        let records = super::support::texts(&db, &records).await;
        assert_eq!(records, ["501"], "with that of the rule");
        verify_schema(&db).await;
    }
}

#[tokio::test]
async fn what_stays_is_in_the_new_partition() {
    let db = with_closed_partitions().await;
    write(&db, 100, "2024-01-05", "t1", "project.created").await;
    write(&db, 10, "2024-01-06", "t2", "project.created").await;
    write(&db, 5, "2024-01-07", "t1", "secret.accessed").await;
    db.as_owner(HOLD_U1).await;
    // Ids of January with a young created_at.
    let young = records(4, "2024-01-08", "t1", "project.created")
        .replace("nullif('t1', ''), at", "nullif('t1', ''), at + interval '900 years'");
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "reset lock_timeout").await;
    db.as_owner("alter table control_plane.audit_logs drop constraint audit_logs_created_at_check")
        .await;
    sql(&mut app, &young).await;
    db.as_owner(
        "alter table control_plane.audit_logs add constraint audit_logs_created_at_check
             check (created_at between '0001-01-01 00:00:00+00' and '9999-12-30 22:00:00+00') not valid",
    )
    .await;
    rule(&db, "t1", "project.*", 400).await;
    let stays = "not (tenant_id = 't1' and action = 'project.created' and created_at < '2025-01-01'
                      and actor_id <> 'u1')";
    let expected = super::support::texts(
        &db,
        &format!(
            "select r::text from control_plane.audit_logs r
              where {stays} and action not like 'audit\\_log.retention\\_%' order by id"
        ),
    )
    .await;
    assert_eq!(expected.len(), 20 + 10 + 5 + 4);
    let (steps, removed) = exchanged(&db).await;
    assert_eq!(removed, 80);
    assert!(steps.iter().any(|step| matches!(step, RetentionStep::Exchanged { .. })), "{steps:?}");
    assert_eq!(contents(&db).await, expected, "with their xact_id");
    verify_schema(&db).await;
}

#[tokio::test]
async fn partition_of_which_much_stays_loses_records_in_steps() {
    let db = with_closed_partitions().await;
    write(&db, 20, "2024-01-05", "t1", "project.created").await;
    write(&db, 20, "2024-01-06", "t2", "project.created").await;
    rule(&db, "t1", "", 400).await;
    let (steps, removed) = exchanged(&db).await;
    assert_eq!(removed, 20);
    assert!(!steps.iter().any(|step| matches!(step, RetentionStep::Exchanged { .. })), "{steps:?}");
    assert_eq!(count(&db, "tenant_id = 't2'").await, 20);
}

#[tokio::test]
async fn guard_of_the_new_partition_is_complete() {
    let db = with_closed_partitions().await;
    write(&db, 40, "2024-01-05", "t1", "project.created").await;
    write(&db, 4, "2024-01-05", "t2", "project.created").await;
    rule(&db, "t1", "", 400).await;
    run(&db).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    for statement in ["delete from", "truncate"] {
        let statement = format!("{statement} control_plane.{JANUARY}");
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut owner).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("is refused"), "{error}");
    }
}

#[tokio::test]
async fn records_written_during_the_walk_stay() {
    let db = with_closed_partitions().await;
    write(&db, 40, "2024-01-05", "t1", "project.created").await;
    rule(&db, "t1", "", 400).await;
    let mut on_step = |step: RetentionStep| {
        if matches!(step, RetentionStep::Surveyed { .. }) {
            meanwhile(&db, db.app(), &records(6, "2024-01-09", "t1", "project.created"));
        }
    };
    let report = run_with(&db, None, &mut on_step).await.unwrap();
    assert_eq!(report.records, 40);
    assert_eq!(count(&db, "created_at >= '2024-01-09' and created_at < '2024-02-01'").await, 6);
    assert_eq!(run(&db).await.unwrap().records, 6);
}

/// Closing the hot partition counts as a change of records, which must not hide that of an erasure.
#[tokio::test]
async fn erasure_beside_a_close_during_the_walk_is_not_undone() {
    for erases_first in [false, true] {
        let db = with_closed_partitions().await;
        write(&db, 40, "2024-01-05", "t1", "project.created").await;
        write(&db, 5, "2024-01-06", "t2", "project.created").await;
        let mut app = db.connect(db.app()).await;
        insert(&mut app, &timed_id(-1), 500).await;
        rule(&db, "t1", "", 400).await;
        let mut is_erased = false;
        let mut on_step = |step: RetentionStep| {
            let is_time = match step {
                RetentionStep::LookedAt { .. } => erases_first,
                RetentionStep::Closed { .. } => !erases_first,
                _ => false,
            };
            if is_time && !is_erased {
                is_erased = true;
                meanwhile(&db, db.owner(), ERASE_T2);
            }
        };
        let options = RetentionOptions {
            by: Actor::System,
            archive: None,
            stop: &|| false,
            on_step: &mut on_step,
            limits: RunLimits { hot_rows: 100, hot_look: Duration::ZERO, ..LIMITS },
        };
        let error = retention(&db).run(options).await.unwrap_err();
        assert!(matches!(error, RetentionError::RecordsChanged { .. }), "{error}");
        assert_eq!(count(&db, "actor_id = 'erased'").await, 5);
        assert_eq!(run(&db).await.unwrap().records, 40);
        assert_eq!(count(&db, "actor_id = 'erased'").await, 5);
    }
}

/// An erasure of what stays.
const ERASE_T2: &str = "begin; set local auditrail.maintenance = 'erasure';
    update control_plane.audit_logs set actor_id = 'erased' where tenant_id = 't2';
    commit";

#[tokio::test]
async fn erasure_during_the_walk_is_not_undone() {
    let db = with_closed_partitions().await;
    write(&db, 40, "2024-01-05", "t1", "project.created").await;
    write(&db, 5, "2024-01-06", "t2", "project.created").await;
    rule(&db, "t1", "", 400).await;
    let mut on_step = |step: RetentionStep| {
        // What stays was copied already, with the old value.
        if matches!(step, RetentionStep::Copied { .. }) {
            meanwhile(&db, db.owner(), ERASE_T2);
        }
    };
    let outcome = run_with(&db, None, &mut on_step).await;
    assert!(matches!(outcome, Err(RetentionError::RecordsChanged { .. })), "{outcome:?}");
    assert_eq!(count(&db, "actor_id = 'erased'").await, 5);
    assert_eq!(run(&db).await.unwrap().records, 40);
    assert_eq!(count(&db, "actor_id = 'erased'").await, 5);
}

#[tokio::test]
async fn reader_of_the_partition_postpones_its_exchange() {
    let db = with_closed_partitions().await;
    write(&db, 40, "2024-01-05", "t1", "project.created").await;
    rule(&db, "t1", "", 400).await;
    let before = contents(&db).await;
    let mut reader = db.connect(db.reader()).await;
    sql(&mut reader, "begin; select count(*) from control_plane.audit_logs").await;
    let report = run(&db).await.unwrap();
    assert_eq!((report.records, report.run_id), (0, None));
    assert_eq!(report.postponed, [JANUARY]);
    assert_eq!(contents(&db).await, before);
    // While it waited, others were not held up for long.
    let mut app = impatient(&db, db.app()).await;
    sql(&mut app, &records(1, "2024-01-09", "t2", "project.created")).await;
    sql(&mut reader, "commit").await;
    reader.close().await.unwrap();
    assert_eq!(run(&db).await.unwrap().records, 40);
    verify_schema(&db).await;
}

#[tokio::test]
async fn table_with_other_records_than_expected_is_not_dropped() {
    let db = with_closed_partitions().await;
    write(&db, 40, "2024-01-05", "t1", "project.created").await;
    rule(&db, "t1", "", 400).await;
    db.as_owner(
        "create table control_plane.audit_logs_retired_x (like control_plane.audit_logs);
         insert into control_plane.audit_logs_retired_x select * from control_plane.audit_logs limit 3;
         comment on table control_plane.audit_logs_retired_x is '2'",
    )
    .await;
    let outcome = run(&db).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("should have 2 records and has 3"), "{error}");
    assert_eq!(tables(&db, "audit_logs_retired").await.len(), 1);
    db.as_owner("comment on table control_plane.audit_logs_retired_x is '3'").await;
    assert_eq!(run(&db).await.unwrap().records, 40);
    assert_eq!(tables(&db, "audit_logs_retired").await, Vec::<String>::new());
}
