//! Tables that were changed by other means.

use auditrail_store::sequencer::Sequencer;
use auditrail_testkit::TestDb;

use super::support::{assert_complete, drain, id, order, reconcile, sequence, write};
use crate::support::sql;

#[tokio::test]
async fn rewritten_rows_get_no_second_seq() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    write(&mut owner, 0..5_000).await;
    assert_eq!(drain(&mut sequencer).await, 5_000);
    write(&mut owner, 5_000..5_003).await;
    // As partitions are merged: in one transaction, with the columns as they are.
    sql(
        &mut owner,
        "begin;
         create table control_plane.merged (like control_plane.audit_logs including all);
         insert into control_plane.merged select * from control_plane.audit_logs;
         alter table control_plane.audit_logs rename to audit_logs_old;
         alter table control_plane.merged rename to audit_logs;
         grant select on control_plane.audit_logs to auditrail_service;
         commit",
    )
    .await;
    assert_eq!(drain(&mut sequencer).await, 3);
    write(&mut owner, 5_003..5_004).await;
    assert_eq!(drain(&mut sequencer).await, 1);
    assert_eq!(assert_complete(&mut owner).await, 5_004);
    assert_eq!(reconcile(&db.service()).await, (5_004, vec![]));
}

#[tokio::test]
async fn records_that_leave_keep_their_seq() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    write(&mut owner, 0..10).await;
    drain(&mut sequencer).await;
    sql(
        &mut owner,
        "begin; set local auditrail.maintenance = 'retention';
         delete from control_plane.audit_logs where id < '00000000-0000-0000-0000-000000000005';
         commit",
    )
    .await;
    write(&mut owner, 10..11).await;
    assert_eq!(drain(&mut sequencer).await, 1);
    assert_eq!(order(&mut owner).await, (0..11).map(id).collect::<Vec<_>>());
    assert_eq!(reconcile(&db.service()).await, (6, vec![]));
}

#[tokio::test]
async fn reconciler_finds_forged_transactions() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    write(&mut owner, 0..10).await;
    drain(&mut sequencer).await;
    // In the past, and in the future.
    for (number, xact_id) in [(10, 3), (11, 4_000_000_000_u64)] {
        let id = id(number);
        sql(
            &mut owner,
            &format!(
                "insert into control_plane.audit_logs
                     (id, actor_id, actor_type, action, target_type, target_id, xact_id)
                 values ('{id}', 'u1', 'user', 'project.created', 'project', 'p1', '{xact_id}')"
            ),
        )
        .await;
    }
    // Not sequenced yet, which is no alarm.
    write(&mut owner, 12..13).await;
    let (compared, found) = reconcile(&db.service()).await;
    assert_eq!(compared, 12);
    let found: Vec<_> = found.iter().map(|found| (found.id, found.xact_id)).collect();
    assert_eq!(found, [(id(10).into(), 3), (id(11).into(), 4_000_000_000)]);
    assert_eq!(drain(&mut sequencer).await, 1);
    // The way out.
    sequencer.request_recovery().await.unwrap();
    assert_eq!(drain(&mut sequencer).await, 2);
    assert_eq!(assert_complete(&mut owner).await, 13);
    assert_eq!(reconcile(&db.service()).await, (13, vec![]));
    assert_eq!(drain(&mut sequencer).await, 0);
}

#[tokio::test]
async fn reconciler_finds_lost_entries() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    write(&mut owner, 0..5_000).await;
    sequence(&db.service()).await;
    write(&mut owner, 5_000..5_002).await;
    sequence(&db.service()).await;
    sql(
        &mut owner,
        "alter table control_plane.audit_log_entries disable trigger user;
         delete from control_plane.audit_log_entries where first_seq = 5000",
    )
    .await;
    let (compared, found) = reconcile(&db.service()).await;
    assert_eq!(compared, 5_002);
    let found: Vec<_> = found.iter().map(|found| found.id).collect();
    assert_eq!(found, [id(5_000).into(), id(5_001).into()]);
}
