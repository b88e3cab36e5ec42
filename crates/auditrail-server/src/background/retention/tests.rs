//! When the next run comes.

use auditrail_store::partitions::{Due, Kind, Layout, Partition};
use auditrail_testkit::TestDb;
use tokio::sync::watch;

use super::*;

/// A rule from an hour ago and a record that it does not keep.
const EXPIRED: &str = "
    insert into control_plane.audit_log_retention_rules
        (id, keep_days, created_at, created_by, changed_at, changed_by)
    select gen_random_uuid(), 30, at, 'system', at, 'system'
      from (select now() - interval '1 hour') t(at);
    insert into control_plane.audit_logs
        (id, actor_id, actor_type, action, target_type, target_id, created_at)
    values (gen_random_uuid(), 'u1', 'user', 'project.created', 'project', 'p1', '2020-01-02')";

/// A hot partition that is full, and a merge that is due, with so many partitions.
fn due(attached: usize) -> Due {
    let partition = Partition {
        name: "audit_logs_t".to_owned(),
        kind: Kind::Closed,
        lower: None,
        upper: None,
        rows: 0,
        bytes: 0,
    };
    let partitions = vec![partition; attached];
    Due { layout: Layout::Partitioned { partitions }, close: true, merge: true }
}

#[tokio::test]
async fn a_run_lets_partitions_be_merged_and_continues_soon() {
    let db = TestDb::migrated().await;
    db.as_owner(EXPIRED).await;
    let (state, partitions) = (RetentionState::default(), PartitionState::default());
    let run = RetentionRun::new(db.owner());
    let mut task = Retention::new(run, None, state.clone(), partitions.clone());
    task.turn = Duration::ZERO;
    let (_sender, receiver) = watch::channel(false);
    let stop = StopSignal(receiver);

    partitions.observe(&due(49));
    task.run(&stop).await.unwrap();
    assert_eq!((state.records_removed(), state.last_success()), (0, 0));
    assert_eq!(task.schedule(), Schedule::Delayed { first: SETTLED, then: RETRY });

    partitions.observe(&due(48));
    task.run(&stop).await.unwrap();
    assert_eq!(state.records_removed(), 1);
    assert_ne!(state.last_success(), 0);
    assert_eq!(task.schedule(), Schedule::Delayed { first: SETTLED, then: INTERVAL });
}

#[tokio::test]
async fn a_run_has_its_turn_while_far_too_many_partitions_are_attached() {
    let db = TestDb::migrated().await;
    db.as_owner(EXPIRED).await;
    let (state, partitions) = (RetentionState::default(), PartitionState::default());
    partitions.observe(&due(100));
    let task = Retention::new(RetentionRun::new(db.owner()), None, state.clone(), partitions);
    let (_sender, receiver) = watch::channel(false);
    task.run(&StopSignal(receiver)).await.unwrap();
    assert_eq!(state.records_removed(), 1);
}
