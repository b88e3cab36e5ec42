//! Counts by actor, action, target and day.

use auditrail_core::{Action, Actor, Filters};
use auditrail_store::{ActionCount, ActorCount, DayCount, TargetCount};
use auditrail_testkit::TestDb;
use jiff::civil::date;

use crate::support::{log, record, sql};

const DAY: u32 = 24 * 60 * 60;

#[tokio::test]
async fn a_summary_counts_by_actor_action_target_and_utc_day() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut records: Vec<_> = (0..10).map(|n| record(n + 1, n / 4 * DAY)).collect();
    records[0].actor = Actor::system();
    records[1].actor = Actor::api_key("u1").unwrap();
    records[2].actor = Actor::api_key("u1").unwrap();
    records[9].action = Action::KeyRotated;
    records[8].target = "api_key:p1".parse().unwrap();
    records[9].target = "api_key:p1".parse().unwrap();
    records[7].target = "project:p2".parse().unwrap();
    log.bulk_writer().await.unwrap().write(&records).await.unwrap();

    let summary = log.summary(&Filters::default(), 2).await.unwrap();
    assert_eq!(summary.total, 10);
    let actor = |actor, count| ActorCount { actor, count };
    let busiest = [actor(Actor::user("u1").unwrap(), 7), actor(Actor::api_key("u1").unwrap(), 2)];
    assert_eq!(summary.actors, busiest);
    let action = |action, count| ActionCount { action, count };
    let frequent = [action(Action::ProjectCreated, 9), action(Action::KeyRotated, 1)];
    assert_eq!(summary.actions, frequent);
    let target = |text: &str, count| TargetCount { target: text.parse().unwrap(), count };
    assert_eq!(summary.targets, [target("project:p1", 7), target("api_key:p1", 2)]);
    let day = |day, count| DayCount { day, count };
    let days = [day(date(2026, 1, 2), 4), day(date(2026, 1, 3), 4), day(date(2026, 1, 4), 2)];
    assert_eq!(summary.days, days);
}

#[tokio::test]
async fn a_summary_counts_what_its_filters_find_and_times_without_end_as_the_last_day() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "insert into control_plane.audit_logs
             (actor_id, actor_type, action, target_type, target_id, created_at)
         select 'u', 'user', a, 'x', 'y', t
           from unnest(array['a.b', 'c.d']) a,
                unnest(array['infinity', '200000-01-01', '-infinity']::timestamptz[]) t",
    )
    .await;
    let filters = Filters { action: Some("a.*".parse().unwrap()), ..Filters::default() };
    let summary = log.summary(&filters, 10).await.unwrap();
    assert_eq!((summary.total, summary.actions.len()), (3, 1));
    let days: Vec<_> = summary.days.iter().map(|d| (d.day, d.count)).collect();
    assert_eq!(days, [(date(1, 1, 1), 1), (date(9999, 12, 30), 2)]);
}
