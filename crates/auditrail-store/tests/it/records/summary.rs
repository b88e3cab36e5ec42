//! Counts by actor, action, target and day.

use auditrail_core::{Action, Actor, Filters, Interval};
use auditrail_store::{
    ActionCount, ActorCount, BucketCount, RECENT_MAX, RECENT_OF_VALUE_MAX, SummaryOptions,
    TargetCount,
};
use auditrail_testkit::TestDb;

use crate::support::{START_MICROS, allow_any_time, log, record, sql};

const DAY: u32 = 24 * 60 * 60;
/// Everything, with two of each.
const ALL: SummaryOptions = SummaryOptions { top: 2, interval: Some(Interval::Day), recent: false };

fn buckets(counts: &[BucketCount]) -> Vec<(String, u64)> {
    counts.iter().map(|bucket| (bucket.start.to_string(), bucket.count)).collect()
}

fn expected(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(start, count)| ((*start).to_owned(), *count)).collect()
}

#[tokio::test]
async fn summary_counts_by_actor_action_target_and_utc_day() {
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
    db.spread_over_partitions().await;

    let summary = log.summary(&Filters::default(), ALL).await.unwrap();
    assert_eq!(summary.total, 10);
    let actor = |actor, count| ActorCount { actor, count };
    let busiest = [actor(Actor::user("u1").unwrap(), 7), actor(Actor::api_key("u1").unwrap(), 2)];
    assert_eq!(summary.actors, busiest);
    let action = |action, count| ActionCount { action, count };
    let frequent = [action(Action::ProjectCreated, 9), action(Action::KeyRotated, 1)];
    assert_eq!(summary.actions, frequent);
    let target = |text: &str, count| TargetCount { target: text.parse().unwrap(), count };
    assert_eq!(summary.targets, [target("project:p1", 7), target("api_key:p1", 2)]);
    let days = expected(&[
        ("2026-01-02T00:00:00.000000Z", 4),
        ("2026-01-03T00:00:00.000000Z", 4),
        ("2026-01-04T00:00:00.000000Z", 2),
    ]);
    assert_eq!(buckets(&summary.buckets), days);
    assert_eq!((summary.since, summary.interval), (None, Interval::Day));
}

#[tokio::test]
async fn summary_applies_filters_and_clamps_times() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    allow_any_time(&mut owner).await;
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
    let summary = log.summary(&filters, ALL).await.unwrap();
    assert_eq!((summary.total, summary.actions.len()), (3, 1));
    let days = [("0001-01-01T00:00:00.000000Z", 1), ("9999-12-30T00:00:00.000000Z", 2)];
    assert_eq!(buckets(&summary.buckets), expected(&days));
}

#[tokio::test]
async fn buckets_are_the_shortest_that_cover_all_records() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let auto = SummaryOptions { interval: None, ..ALL };
    let write = async |number, seconds| {
        let mut writer = log.bulk_writer().await.unwrap();
        writer.write(&[record(number, seconds)]).await.unwrap();
        log.summary(&Filters::default(), auto).await.unwrap()
    };
    write(1, 0).await;
    let minutes = write(2, 90).await;
    assert_eq!(minutes.interval, Interval::Minute);
    let starts = [("2026-01-02T03:04:00.000000Z", 1), ("2026-01-02T03:05:00.000000Z", 1)];
    assert_eq!(buckets(&minutes.buckets), expected(&starts));
    let hours = write(3, DAY).await;
    let starts = [("2026-01-02T03:00:00.000000Z", 2), ("2026-01-03T03:00:00.000000Z", 1)];
    assert_eq!((hours.interval, buckets(&hours.buckets)), (Interval::Hour, expected(&starts)));
    assert_eq!(write(4, 40 * DAY).await.interval, Interval::Day);
}

#[tokio::test]
async fn summary_of_a_tenant_ignores_records_of_others() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    let rows = format!(
        "insert into control_plane.audit_logs
             (actor_id, actor_type, action, target_type, target_id, tenant_id, created_at)
         select 'bob', 'user', 'a.b', 'x', 'y', case when n > 10 then 'b' else 'a' end,
                to_timestamp({START_MICROS} / 1000000) + n * interval '1 second'
           from generate_series(1, {RECENT_OF_VALUE_MAX} + 5000) n"
    );
    sql(&mut owner, &rows).await;
    let recent = SummaryOptions { recent: true, ..ALL };
    let of = |tenant: &str| Filters {
        actor_id: "bob".parse().ok(),
        tenant_id: tenant.parse().ok(),
        ..Filters::default()
    };
    for (tenant, total) in [("a", 10), ("b", u64::from(RECENT_OF_VALUE_MAX) + 4_990), ("c", 0)] {
        let summary = log.summary(&of(tenant), recent).await.unwrap();
        assert_eq!((summary.total, summary.since), (total, None), "{tenant}");
    }
    let of_b = Filters { actor_id: None, ..of("b") };
    let summary = log.summary(&of_b, recent).await.unwrap();
    assert_eq!(summary.total, u64::from(RECENT_OF_VALUE_MAX) + 1);
}

#[tokio::test]
async fn recent_summary_has_its_start_and_counts_rare_values() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    // One second apart, newest last; u7 has one in a thousand.
    let rows = format!(
        "insert into control_plane.audit_logs
             (actor_id, actor_type, action, target_type, target_id, created_at)
         select case when n % 1000 = 7 then 'u7' else 'u1' end, 'user', 'a.b', 'x', 'y',
                to_timestamp({START_MICROS} / 1000000) + n * interval '1 second'
           from generate_series(1, {RECENT_MAX} + 5000) n"
    );
    sql(&mut owner, &rows).await;
    let recent = SummaryOptions { recent: true, ..ALL };
    let summary = log.summary(&Filters::default(), recent).await.unwrap();
    let since = summary.since.unwrap().unix_micros();
    assert_eq!(summary.total, u64::from(RECENT_MAX) + 1);
    assert_eq!(since, START_MICROS + 5_000 * 1_000_000);

    let rare = Filters { actor_id: "u7".parse().ok(), ..Filters::default() };
    let summary = log.summary(&rare, recent).await.unwrap();
    assert_eq!((summary.total, summary.since), (105, None));
    let frequent = Filters { actor_id: "u1".parse().ok(), ..Filters::default() };
    let summary = log.summary(&frequent, recent).await.unwrap();
    assert_eq!(summary.total, u64::from(RECENT_OF_VALUE_MAX) + 1);
    let all = log.summary(&Filters::default(), ALL).await.unwrap();
    assert_eq!((all.total, all.since), (u64::from(RECENT_MAX) + 5_000, None));
}
