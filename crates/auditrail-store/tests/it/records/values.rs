//! The values of a field with a prefix.

use std::time::Duration;

use auditrail_core::{TenantId, ValueField};
use auditrail_store::{FieldValues, PgAuditLog, RECENT_OF_VALUE_MAX, Sessions, ValuesOptions};
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

use super::generated::filled;
use crate::support::{START_MICROS, log, sql};

fn of(field: ValueField, prefix: &str) -> ValuesOptions<'_> {
    ValuesOptions {
        field,
        prefix,
        tenant: None,
        limit: 20,
        visits: 1_000,
        budget: Duration::from_secs(60),
    }
}

async fn list(log: &PgAuditLog, options: ValuesOptions<'_>) -> FieldValues {
    log.values(options).await.unwrap()
}

/// The values by a plain statement.
async fn plain(db: &mut PgConnection, value: &str, prefix: &str, condition: &str) -> Vec<String> {
    let sql = format!(
        "select value from (select distinct {value} as value from control_plane.audit_logs
                             where {condition}) all_values
          where left(value, length($1)) = $1 order by value"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(prefix).fetch_all(db).await.unwrap()
}

/// Values that a wrong reading of the prefix would confuse.
const ODD: [&str; 14] = [
    "an",
    "ana",
    "Ana",
    "an%",
    "an_a",
    "anXa",
    "aN",
    "a",
    "ao",
    "an\\",
    "änna",
    "an\u{ffff}",
    "án",
    "b",
];

async fn add_odd(owner: &mut PgConnection) {
    let rows = "insert into control_plane.audit_logs
                    (actor_id, actor_type, action, target_type, target_id, tenant_id, request_id)
                select value, 'user', value, value, value, value, value from unnest($1::text[]) value";
    sqlx::query(rows).bind(ODD.as_slice()).execute(owner).await.unwrap();
}

const PREFIXES: [&str; 13] =
    ["", "a", "an", "an%", "an_", "An", "A", "u1", "r1", "t", "project.", "zz", "än"];

/// Compares every field and prefix, with limits below and above the number of values.
async fn compare(log: &PgAuditLog, owner: &mut PgConnection) {
    for field in ValueField::ALL {
        if field == ValueField::IpAddress {
            continue;
        }
        let column = match field {
            ValueField::Action => r#"action collate "C""#,
            other => other.as_str(),
        };
        for prefix in PREFIXES {
            let condition = format!("{field} is not null");
            let all = plain(owner, column, prefix, &condition).await;
            for limit in [1, 5, 100] {
                let options = ValuesOptions { limit, visits: 10_000, ..of(field, prefix) };
                let found = list(log, options).await;
                let mut expected = all.clone();
                let has_more = expected.len() > usize::from(limit);
                expected.truncate(limit.into());
                assert_eq!(found.values, expected, "{field} with {prefix:?}");
                assert_eq!(found.has_more, has_more, "{field} with {prefix:?}");
                assert!(found.is_complete, "{field} with {prefix:?}");
                assert_eq!((found.is_sampled, found.since), (false, None));
            }
        }
    }
}

#[tokio::test]
async fn values_equal_the_plain_statement() {
    let (db, over_pool, mut owner) = filled().await;
    add_odd(&mut owner).await;
    let sessions = Sessions::new(&db.app(), 2, Duration::from_secs(30));
    let over_sessions = over_pool.clone().with_sessions(sessions);
    for log in [&over_pool, &over_sessions] {
        compare(log, &mut owner).await;
    }
}

#[tokio::test]
async fn values_are_found_in_the_order_of_a_language() {
    let (_db, log, mut owner) = filled().await;
    add_odd(&mut owner).await;
    for column in ["actor_id", "target_id", "target_type", "tenant_id", "request_id"] {
        let change = format!(
            r#"alter table control_plane.audit_logs alter {column} type text collate "en-x-icu""#
        );
        sql(&mut owner, &change).await;
    }
    compare(&log, &mut owner).await;
}

#[tokio::test]
async fn addresses_and_values_of_a_tenant_are_those_of_the_newest_records() {
    let (_db, log, mut owner) = filled().await;
    let acme: TenantId = "acme".parse().unwrap();
    for (field, value) in [
        (ValueField::ActorId, "actor_id"),
        (ValueField::Action, "action"),
        (ValueField::RequestId, "request_id"),
        (ValueField::TenantId, "tenant_id"),
    ] {
        for prefix in ["", "u1", "r1", "project", "rare"] {
            let all = plain(&mut owner, value, prefix, "tenant_id = 'acme'").await;
            let found =
                list(&log, ValuesOptions { tenant: Some(&acme), ..of(field, prefix) }).await;
            assert_eq!(found.values, all[..all.len().min(20)], "{field} with {prefix:?}");
            assert_eq!((found.is_sampled, found.has_more), (true, all.len() > 20));
            assert_eq!((found.is_complete, found.since), (true, None));
        }
    }
    let found = list(&log, of(ValueField::IpAddress, "10.")).await;
    assert_eq!(found.values, ["10.0.0.1", "10.0.0.1/8", "10.0.0.2"]);
    assert!(found.is_sampled);
}

#[tokio::test]
async fn a_tenant_learns_no_values_of_others() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    let rows = format!(
        "insert into control_plane.audit_logs
             (actor_id, actor_type, action, target_type, target_id, tenant_id, created_at)
         select case when n = 1 then 'first' else 'later' end, 'user', 'a.b', 'x', tenant, tenant,
                to_timestamp({START_MICROS} / 1000000) + n * interval '1 second'
           from generate_series(1, {RECENT_OF_VALUE_MAX} + 1) n, unnest('{{a,b}}'::text[]) tenant
          where tenant = 'a' or n < 3"
    );
    sql(&mut owner, &rows).await;
    let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
    let of = |tenant| ValuesOptions { tenant: Some(tenant), ..of(ValueField::ActorId, "") };
    let newest = list(&log, of(&a)).await;
    assert_eq!(newest.values, ["later"]);
    assert_eq!(newest.since.unwrap().unix_micros(), START_MICROS + 2_000_000);
    assert_eq!(list(&log, of(&b)).await.values, ["first", "later"]);
    let targets = ValuesOptions { field: ValueField::TargetId, ..of(&b) };
    assert_eq!(list(&log, targets).await.values, ["b"]);
}

#[tokio::test]
async fn bounds_are_reported() {
    let (_db, log, mut owner) = filled().await;
    let visits = ValuesOptions { visits: 3, ..of(ValueField::RequestId, "r") };
    let found = list(&log, visits).await;
    let all = plain(&mut owner, "request_id", "r", "true").await;
    assert_eq!(found.values, all[..3]);
    assert_eq!((found.has_more, found.is_complete), (false, false));
    let none = ValuesOptions { budget: Duration::ZERO, ..of(ValueField::RequestId, "r") };
    let found = list(&log, none).await;
    assert_eq!((found.values.len(), found.is_complete), (0, false));
    // A visited value ends the time.
    let short = ValuesOptions {
        budget: Duration::from_millis(1),
        limit: 100,
        ..of(ValueField::RequestId, "")
    };
    let found = list(&log, short).await;
    assert!(found.is_complete || !found.has_more);
    let tenant: TenantId = "acme".parse().unwrap();
    let none = ValuesOptions { tenant: Some(&tenant), ..none };
    let found = list(&log, none).await;
    assert_eq!((found.values.len(), found.is_complete, found.is_sampled), (0, false, true));
}
