//! The most frequent values of fields.

use std::time::Duration;

use auditrail_core::{Facet, Filters};
use auditrail_store::{
    FacetCounts, FacetsOptions, PgAuditLog, RECENT_MAX, RECENT_OF_VALUE_MAX, Sessions,
};
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

use super::generated::{COUNTED, filled, filters, slow_intents_before};
use crate::support::{START_MICROS, log, sql};

const OPTIONS: FacetsOptions<'_> = FacetsOptions {
    facets: &Facet::ALL,
    is_tenant_fixed: false,
    top: 5,
    budget: Duration::from_secs(60),
};

async fn of(log: &PgAuditLog, filters: &Filters, options: FacetsOptions<'_>) -> Vec<FacetCounts> {
    log.facets(filters, options).await.unwrap()
}

fn values(counts: &FacetCounts) -> Vec<(String, u64)> {
    counts.values.iter().map(|counted| (counted.value.clone(), counted.count)).collect()
}

/// The values by a plain statement.
async fn plain(db: &mut PgConnection, value: &str, condition: &str) -> Vec<(String, u64)> {
    let sql = format!(
        r#"select {value} collate "C" as value, count(*) from control_plane.audit_logs
            where {condition} and {COUNTED} and {value} is not null
            group by 1 order by 2 desc, 1"#
    );
    let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
    rows.into_iter().map(|(value, count)| (value, count.unsigned_abs())).collect()
}

/// Each field as text, and the filter it ignores.
const FIELDS: &[(Facet, &str, &[&str])] = &[
    (
        Facet::Actor,
        "case actor_type when 'system' then 'system' else concat(actor_type, ':', actor_id) end",
        &["actor_id"],
    ),
    (Facet::ActorType, "actor_type", &["actor_type"]),
    (Facet::Action, "action", &["action"]),
    (Facet::Target, "concat(target_type, ':', target_id)", &["target_id"]),
    (Facet::TargetType, "target_type", &["target_type"]),
    (Facet::TenantId, "tenant_id", &["tenant_id"]),
    (Facet::RequestId, "request_id", &["request_id"]),
    (
        Facet::IpAddress,
        "replace(replace(regexp_replace(ip_address::text, '/(32|128)$', ''), '::ffff:', ''), '::10.1.0.1', '::a01:1')",
        &["ip_address"],
    ),
    (Facet::Outcome, "outcome", &["outcome"]),
];

#[tokio::test]
async fn facets_equal_the_plain_statement_without_their_own_filter() {
    let (db, over_pool, mut owner) = filled().await;
    let sessions = Sessions::new(&db.app(), 2, Duration::from_secs(30));
    let over_sessions = over_pool.clone().with_sessions(sessions);
    let conditions: &[(&str, &str)] = &[
        ("actor_id=u0", "actor_id = 'u0'"),
        ("actor_type=user", "actor_type = 'user'"),
        ("action=project.*", "starts_with(action, 'project.')"),
        ("target_type=project", "target_type = 'project'"),
        ("tenant_id=acme", "tenant_id = 'acme'"),
        ("outcome=failure", "outcome = 'failure'"),
        ("since=2026-01-20", "created_at >= '2026-01-20 00:00Z'"),
        // A term is no filter of its own.
        ("q=lost -actor_type:api_key", "action = 'key.lost' and actor_type <> 'api_key'"),
    ];
    let mut cases = vec![Vec::new()];
    for (place, one) in conditions.iter().enumerate() {
        cases.push(vec![one]);
        cases.extend(conditions[place + 1..].iter().map(|other| vec![one, other]));
    }
    for case in cases {
        let parameters: Vec<&str> = case.iter().map(|(parameter, _)| *parameter).collect();
        let filters = filters(&parameters.join("&"));
        let (pool, sessions) =
            (of(&over_pool, &filters, OPTIONS).await, of(&over_sessions, &filters, OPTIONS).await);
        assert_eq!(pool, sessions);
        let names: Vec<Facet> = pool.iter().map(|counts| counts.facet).collect();
        assert_eq!(names, Facet::ALL);
        for (counts, (facet, value, own)) in pool.iter().zip(FIELDS) {
            let is_own =
                |parameter: &str| own.iter().any(|name| parameter.starts_with(&format!("{name}=")));
            // An actor is the id with its type.
            let is_own = |parameter: &str| {
                is_own(parameter)
                    || (*facet == Facet::Actor
                        && parameter.starts_with("actor_type=")
                        && filters.actor_id.is_some())
            };
            let others = case.iter().filter(|(parameter, _)| !is_own(parameter));
            let others: Vec<&str> =
                others.map(|(_, condition)| *condition).chain(["true"]).collect();
            let mut expected = plain(&mut owner, value, &others.join(" and ")).await;
            assert_eq!(counts.has_more, expected.len() > 5, "{facet} with {parameters:?}");
            expected.truncate(5);
            assert_eq!(values(counts), expected, "{facet} with {parameters:?}");
            assert_eq!((counts.since, counts.is_complete), (None, true));
        }
    }
}

#[tokio::test]
async fn every_value_is_one_of_the_filter_of_the_same_name() {
    let (_db, log, _owner) = filled().await;
    let top = FacetsOptions { top: 1_000, ..OPTIONS };
    for counts in of(&log, &Filters::default(), top).await {
        for (value, count) in values(&counts) {
            let of_value = filters(&format!("{}={value}", counts.facet));
            let query = auditrail_core::Query {
                count: auditrail_core::Count::Exact,
                ..crate::support::by(of_value)
            };
            let total = log.page(&query).await.unwrap().pagination.total;
            // The network 10.0.0.0/8 has more than the records with this mask.
            if !value.contains('/') {
                assert_eq!(total, Some(count), "{} {value}", counts.facet);
            }
        }
    }
}

#[tokio::test]
async fn a_fixed_tenant_applies_to_every_field() {
    let (_db, log, _owner) = filled().await;
    let fixed = FacetsOptions { is_tenant_fixed: true, ..OPTIONS };
    let acme = filters("tenant_id=acme&action=key.lost");
    let counts = of(&log, &acme, fixed).await;
    let tenants = &counts[5];
    assert_eq!(tenants.facet, Facet::TenantId);
    let names: Vec<&str> = tenants.values.iter().map(|counted| counted.value.as_str()).collect();
    assert_eq!(names, ["acme"]);
    let tenants = &of(&log, &acme, OPTIONS).await[5];
    assert_eq!(tenants.values.len(), 2);
}

/// So many records, one second apart; `u7` has one in a thousand.
async fn many(owner: &mut PgConnection, records: u32) {
    let rows = format!(
        "insert into control_plane.audit_logs
             (actor_id, actor_type, action, target_type, target_id, created_at, tenant_id)
         select case when n % 1000 = 7 then 'u7' else 'u1' end, 'user', 'a.b', 'x', 'y',
                to_timestamp({START_MICROS} / 1000000) + n * interval '1 second',
                case when n % 10 = 0 then 'acme' end
           from generate_series(1, {records}) n"
    );
    sql(owner, &rows).await;
    sql(owner, "analyze control_plane.audit_logs").await;
}

#[tokio::test]
async fn facets_of_many_records_are_sampled() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    many(&mut owner, RECENT_MAX + 5_000).await;
    let options = FacetsOptions { facets: &[Facet::Actor, Facet::Action], ..OPTIONS };
    let counts = of(&log, &Filters::default(), options).await;
    let since = counts[0].since.unwrap().unix_micros();
    assert_eq!(since, START_MICROS + 5_000 * 1_000_000);
    assert_eq!(values(&counts[1]), [("a.b".to_owned(), u64::from(RECENT_MAX) + 1)]);
    let actors = [("user:u1".to_owned(), 99_901), ("user:u7".to_owned(), 100)];
    assert_eq!(values(&counts[0]), actors);
    // The field that is filtered has the values of the whole sample.
    let counts = of(&log, &filters("actor_id=u1"), options).await;
    assert_eq!(values(&counts[0]), actors);
    assert_eq!(values(&counts[1]), [("a.b".to_owned(), u64::from(RECENT_OF_VALUE_MAX) + 1)]);
    assert!(counts[0].since.unwrap() < counts[1].since.unwrap());
}

#[tokio::test]
async fn a_sample_that_takes_too_long_is_smaller_or_not_counted() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    many(&mut owner, 6_000).await;
    sql(&mut owner, &slow_intents_before("infinity")).await;
    let intent = |seconds: u32| {
        format!(
            "insert into control_plane.audit_logs
                 (actor_id, actor_type, action, target_type, target_id, created_at, outcome)
             values ('u9', 'user', 'a.b', 'x', 'y',
                     to_timestamp({START_MICROS} / 1000000) + {seconds} * interval '1 second', 'unknown')"
        )
    };
    // An old record, which only the whole sample has.
    sql(&mut owner, &intent(0)).await;
    let options =
        FacetsOptions { facets: &[Facet::Action], budget: Duration::from_secs(4), ..OPTIONS };
    let counts = of(&log, &Filters::default(), options).await;
    assert_eq!(values(&counts[0]), [("a.b".to_owned(), u64::from(RECENT_MAX / 20) + 1)]);
    assert_eq!(counts[0].since.unwrap().unix_micros(), START_MICROS + 1_000 * 1_000_000);
    // A new one, which each sample has.
    sql(&mut owner, &intent(7_000)).await;
    let short = FacetsOptions { budget: Duration::from_millis(200), ..options };
    for options in [short, FacetsOptions { budget: Duration::ZERO, ..options }] {
        let counts = of(&log, &Filters::default(), options).await;
        let expected = FacetCounts {
            facet: Facet::Action,
            values: Vec::new(),
            has_more: false,
            since: None,
            is_complete: false,
        };
        assert_eq!(counts, [expected]);
    }
}
