//! Counts by buckets of time.

use std::time::Duration;

use auditrail_core::{Bars, Filters, RecordTime};
use auditrail_store::{HistogramBucket, HistogramOptions, PgAuditLog, Sessions, TimeHistogram};
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

use super::generated::{COUNTED, filled, filters, slow_intents_before};
use crate::support::{id, log, number, record, sql, time};

/// More than any test takes.
const AMPLE: Duration = Duration::from_secs(60);

fn bars(bars: u16) -> HistogramOptions {
    HistogramOptions { bars: Bars::new(bars).unwrap(), budget: AMPLE }
}

async fn of(log: &PgAuditLog, filters: &Filters, options: HistogramOptions) -> TimeHistogram {
    log.histogram(filters, options).await.unwrap()
}

fn counts(histogram: &TimeHistogram) -> Vec<Option<u64>> {
    histogram.buckets.iter().map(|bucket| bucket.count).collect()
}

/// The counts of the same buckets by a plain statement. Times outside the range are in the outermost ones.
async fn plain(
    db: &mut PgConnection,
    buckets: &[HistogramBucket],
    condition: &str,
) -> Vec<Option<u64>> {
    let starts: Vec<String> = buckets.iter().map(|bucket| bucket.start.to_string()).collect();
    let sql = format!(
        "select (select count(*) from control_plane.audit_logs
                  where {condition} and {COUNTED}
                    and (place = 1 or created_at >= start) and (next is null or created_at < next))
           from (select place, start::timestamptz, lead(start::timestamptz) over (order by place) as next
                   from unnest($1::text[]) with ordinality as given (start, place)) buckets
          order by place"
    );
    let counts: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(starts).fetch_all(db).await.unwrap();
    counts.into_iter().map(|count| Some(count.unsigned_abs())).collect()
}

#[tokio::test]
async fn histogram_equals_the_plain_statement() {
    let (db, over_pool, mut owner) = filled().await;
    let sessions = Sessions::new(&db.app(), 2, Duration::from_secs(30));
    let over_sessions = over_pool.clone().with_sessions(sessions);
    let ranges = [
        ("", "true"),
        ("&since=2026-01-20", "created_at >= '2026-01-20 00:00Z'"),
        ("&until=2026-01-20T10:00:03Z", "created_at < '2026-01-20 10:00:03Z'"),
        (
            "&since=2026-01-11T00:05:01Z&until=2026-01-11T00:08:20Z",
            "created_at >= '2026-01-11 00:05:01Z' and created_at < '2026-01-11 00:08:20Z'",
        ),
    ];
    for (parameters, condition) in [
        ("", "true"),
        ("actor_id=u0", "actor_id = 'u0'"),
        ("actor_type=api_key", "actor_type = 'api_key'"),
        ("action=project.*", "starts_with(action, 'project.')"),
        ("action=nothing.*", "false"),
        ("tenant_id=rare", "tenant_id = 'rare'"),
        ("tenant_id=acme&action=key.lost", "tenant_id = 'acme' and action = 'key.lost'"),
        ("outcome=unknown", "outcome = 'unknown'"),
        ("outcome=denied", "outcome = 'denied'"),
        ("metadata.k=5", "metadata ->> 'k' = '5'"),
        ("q=Lost -actor_type:user", "action = 'key.lost' and actor_type <> 'user'"),
        ("q=lost outcome:unknown", "action = 'key.lost' and outcome = 'unknown'"),
        ("q=actor:u0 since:2026-01-20", "actor_id = 'u0' and created_at >= '2026-01-20 00:00Z'"),
        ("ip_address=10.0.0.1", "ip_address = any('{10.0.0.1, ::ffff:10.0.0.1}')"),
    ] {
        for ((range, in_range), number) in ranges.into_iter().zip([60, 7, 1, 200]) {
            let filters = filters(&format!("{parameters}{range}"));
            let condition = format!("{condition} and {in_range}");
            for log in [&over_pool, &over_sessions] {
                let histogram = of(log, &filters, bars(number)).await;
                let expected = plain(&mut owner, &histogram.buckets, &condition).await;
                assert_eq!(counts(&histogram), expected, "{condition}");
                let total: u64 = expected.into_iter().flatten().sum();
                let all = plain(
                    &mut owner,
                    &histogram.buckets[..1.min(histogram.buckets.len())],
                    &condition,
                )
                .await;
                assert_eq!(Some(total), all.first().copied().unwrap_or(Some(0)), "{condition}");
            }
        }
    }
}

#[tokio::test]
async fn intents_with_an_outcome_count_if_all_are_requested() {
    let (_db, log, mut owner) = filled().await;
    let histogram = of(&log, &filters("intents=all"), bars(1)).await;
    let all = number(&mut owner, "select count(*) from control_plane.audit_logs").await;
    assert_eq!(counts(&histogram), [Some(all.unsigned_abs())]);
    let open = of(&log, &Filters::default(), bars(1)).await;
    let counted = format!("select count(*) from control_plane.audit_logs where {COUNTED}");
    let counted = number(&mut owner, &counted).await;
    assert_eq!(counts(&open), [Some(counted.unsigned_abs())]);
    assert!(counted < all);
}

#[tokio::test]
async fn buckets_cover_the_range_and_name_their_width() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    // 03:04:05 and 59 minutes later.
    let records = [record(1, 0), record(2, 1), record(3, 3_540)];
    log.bulk_writer().await.unwrap().write(&records).await.unwrap();
    let histogram = of(&log, &Filters::default(), bars(15)).await;
    assert_eq!(histogram.width.unwrap().seconds(), 300);
    let until = RecordTime::from_unix_micros(time(3_540).unix_micros() + 1).unwrap();
    assert_eq!((histogram.since, histogram.until), (Some(time(0)), Some(until)));
    let starts: Vec<_> = histogram.buckets.iter().map(|bucket| bucket.start.to_string()).collect();
    assert_eq!((starts.len(), starts[0].as_str()), (13, "2026-01-02T03:00:00.000000Z"));
    assert_eq!(starts[12], "2026-01-02T04:00:00.000000Z");
    let mut expected = vec![Some(0); 13];
    (expected[0], expected[12]) = (Some(2), Some(1));
    assert_eq!(counts(&histogram), expected);
    // The range of the filters has buckets even where no record is.
    let given = filters("since=2026-01-02T03:04:05.5Z&until=2026-01-02T06:00:00Z");
    let histogram = of(&log, &given, bars(3)).await;
    assert_eq!(
        (histogram.width.unwrap().seconds(), counts(&histogram)),
        (3_600, vec![Some(1), Some(1), Some(0)])
    );
    assert_eq!(
        (histogram.since, histogram.until),
        (given.created_at.start(), given.created_at.end())
    );
}

#[tokio::test]
async fn histogram_of_nothing_has_no_buckets() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let empty = |since, until| TimeHistogram { since, until, width: None, buckets: Vec::new() };
    assert_eq!(of(&log, &Filters::default(), bars(60)).await, empty(None, None));
    let since = filters("since=2026-01-02");
    assert_eq!(of(&log, &since, bars(60)).await, empty(since.created_at.start(), None));
    let until = filters("until=2026-01-02");
    assert_eq!(of(&log, &until, bars(60)).await, empty(None, until.created_at.end()));
    let day = filters("since=2026-01-02&until=2026-01-03");
    assert_eq!(counts(&of(&log, &day, bars(24)).await), [Some(0); 24]);
}

#[tokio::test]
async fn buckets_that_take_too_long_have_no_count() {
    let (db, over_pool, mut owner) = filled().await;
    let sessions = Sessions::new(&db.app(), 2, Duration::from_secs(30));
    let over_sessions = over_pool.clone().with_sessions(sessions);
    let filters = filters("since=2026-01-01&until=2026-03-01&tenant_id=acme");
    let exact = of(&over_pool, &filters, bars(60)).await;
    let middle = exact.buckets[30].start.to_string();
    sql(&mut owner, &slow_intents_before(&middle)).await;
    for log in [&over_pool, &over_sessions] {
        let options = HistogramOptions { budget: Duration::from_secs(2), ..bars(60) };
        let histogram = of(log, &filters, options).await;
        let counted = histogram.buckets.iter().position(|bucket| bucket.count.is_some()).unwrap();
        assert!((1..=50).contains(&counted), "{histogram:?}");
        assert_eq!(histogram.buckets[counted..], exact.buckets[counted..]);
        assert!(histogram.buckets[..counted].iter().all(|bucket| bucket.count.is_none()));
        // The connection is usable again.
        let none = HistogramOptions { budget: Duration::ZERO, ..bars(60) };
        let uncounted = of(log, &filters, none).await;
        assert!(uncounted.buckets.iter().all(|bucket| bucket.count.is_none()));
        assert_eq!(uncounted.buckets.len(), exact.buckets.len());
    }
}

#[tokio::test]
async fn range_of_a_tenant_depends_on_its_records_alone() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let of_tenant = |number, seconds, tenant: &str| auditrail_core::Record {
        tenant_id: Some(tenant.parse().unwrap()),
        ..record(number, seconds)
    };
    let records = [
        of_tenant(1, 0, "b"),
        of_tenant(2, 50, "a"),
        of_tenant(3, 60, "a"),
        of_tenant(4, 500, "b"),
    ];
    log.bulk_writer().await.unwrap().write(&records).await.unwrap();
    assert_eq!(records[0].id, id(1));
    for parameters in ["tenant_id=a", "tenant_id=a&actor_id=u1", "tenant_id=a&target_id=p1"] {
        let histogram = of(&log, &filters(parameters), bars(60)).await;
        let until = RecordTime::from_unix_micros(time(60).unix_micros() + 1).unwrap();
        assert_eq!((histogram.since, histogram.until), (Some(time(50)), Some(until)));
        assert_eq!(counts(&histogram).into_iter().flatten().sum::<u64>(), 2);
    }
}
