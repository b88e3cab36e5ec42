//! An IPv4-mapped IPv6 address is its IPv4 address.

use auditrail_core::{AuditLogService, CreateInput, Created, Filters, OnInvalid, RequestContext};
use auditrail_testkit::TestDb;
use sqlx::{Executor, Row};

use crate::support::{by, id, input, log, sql};

/// A record from before migration 019, with the id 1.
const OLDER: &str = "insert into control_plane.audit_logs
         (id, actor_id, actor_type, action, target_type, target_id, ip_address)
     values ('00000000-0000-0000-0000-000000000001', 'u1', 'user', 'project.created', 'project', 'p1',
             '::ffff:203.0.113.7')";

fn from(address: &str) -> CreateInput {
    let context = RequestContext { ip_address: address.parse().ok(), ..RequestContext::default() };
    input().with_context(context)
}

#[tokio::test]
async fn mapped_addresses_are_stored_and_found_as_ipv4() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, OLDER).await;
    let batch = vec![
        from("::ffff:203.0.113.7").with_id(id(2)),
        from("203.0.113.7").with_id(id(3)),
        from("203.0.113.8").with_id(id(4)),
        from("2001:db8::1").with_id(id(5)),
    ];
    log.create_many(batch, OnInvalid::Refuse).await.unwrap();
    let by_function = "select control_plane.record_audit_log(jsonb_build_object(
        'id', '00000000-0000-0000-0000-000000000006', 'actor_type', 'user', 'actor_id', 'u1',
        'action', 'a.b', 'target_type', 't', 'target_id', 'x', 'ip_address', '::FFFF:cb00:7107'))";
    sql(&mut app, by_function).await;
    for new in [2, 6] {
        let stored = log.get(id(new)).await.unwrap().unwrap();
        assert_eq!(stored.ip_address.unwrap().to_string(), "203.0.113.7");
    }
    for (filter, expected) in [
        ("203.0.113.7", &[1, 2, 3, 6][..]),
        ("::ffff:203.0.113.7", &[1, 2, 3, 6]),
        ("203.0.113.0/24", &[1, 2, 3, 4, 6]),
        ("::ffff:203.0.113.0/120", &[1, 2, 3, 4, 6]),
        ("::ffff:0:0/96", &[1, 2, 3, 4, 6]),
        ("0.0.0.0/0", &[1, 2, 3, 4, 6]),
        ("203.0.113.8", &[4]),
        ("2001:db8::/32", &[5]),
    ] {
        // The forms as they are, which callers in Rust can pass.
        let network = if filter.contains('/') {
            filter.parse().unwrap()
        } else {
            ipnet::IpNet::from(filter.parse::<std::net::IpAddr>().unwrap())
        };
        let filters = Filters { ip_address: Some(network), ..Filters::default() };
        let found = log.query(&by(filters)).await.unwrap();
        let mut ids: Vec<_> = found.records.iter().map(|record| record.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected.iter().map(|n| id(*n)).collect::<Vec<_>>(), "{filter}");
    }
}

#[tokio::test]
async fn retries_across_the_upgrade_are_duplicates() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, OLDER).await;
    let same = |address| from(address).with_id(id(1));
    for address in ["203.0.113.7", "::ffff:203.0.113.7"] {
        let created = log.create(same(address)).await.unwrap();
        assert!(matches!(created, Created::Duplicate(_)), "{address}: {created:?}");
        let outcome = log.create_many(vec![same(address)], OnInvalid::Skip).await.unwrap();
        assert_eq!((outcome.created, outcome.duplicates), (0, 1), "{address}");
        let stored = log.get(id(1)).await.unwrap().unwrap();
        assert!(same(address).matches_stored(&stored));
        let call = "select (control_plane.record_audit_log(jsonb_build_object(
            'id', '00000000-0000-0000-0000-000000000001', 'actor_type', 'user', 'actor_id', 'u1',
            'action', 'project.created', 'target_type', 'project', 'target_id', 'p1',
            'ip_address', $1::text))).id::text";
        let row = sqlx::query(call).bind(address).fetch_one(&mut app).await.unwrap();
        assert!(row.get::<String, _>(0).ends_with('1'));
    }
    assert!(log.create(same("203.0.113.8")).await.is_err());
    assert!(log.create(same("::203.0.113.7")).await.is_err());
}

#[tokio::test]
async fn context_of_row_changes_has_ipv4_addresses() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    for (given, expected) in [("::ffff:203.0.113.7", "203.0.113.7"), ("2001:DB8::1", "2001:db8::1")]
    {
        let mut tx = sqlx::Connection::begin(&mut app).await.unwrap();
        let call = "select control_plane.audit_context(jsonb_build_object('ip_address', $1::text))";
        tx.execute(sqlx::query(call).bind(given)).await.unwrap();
        let setting = "select current_setting('auditrail.ip_address')";
        let setting: String = sqlx::query_scalar(setting).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(setting, expected);
    }
}
