//! Rows written by plain SQL, which follow no rules but those of the table.

use auditrail_core::AuditLogService;
use auditrail_store::StoreError;
use auditrail_testkit::TestDb;

use crate::support::{allow_any_time, id, log, sql};

#[tokio::test]
async fn rows_of_plain_sql_are_returned_unchanged() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    allow_any_time(&mut owner).await;
    sql(
        &mut owner,
        r#"insert into control_plane.audit_logs
               (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address,
                user_agent, created_at, tenant_id, request_id)
           values
               ('00000000-0000-0000-0000-000000000001', '', 'user', E'no dot\n', '', E'\t', null,
                '10.1.2.3/8', '', 'infinity', '', ''),
               ('00000000-0000-0000-0000-000000000002', repeat('x', 9000), 'api_key', '', '*', 'ü',
                'null', '::ffff:10.0.0.1', null, '-infinity', null, null),
               ('00000000-0000-0000-0000-000000000003', 'system', 'system', '.*', 'a', 'b',
                '[1e300, {"k": []}]', '0.0.0.0/0', null, '200000-01-01', null, null)"#,
    )
    .await;

    let one = log.get(id(1)).await.unwrap().unwrap();
    assert_eq!((one.actor.id(), one.action.as_str()), ("", "no dot\n"));
    assert_eq!(one.metadata, None);
    assert_eq!(one.ip_address.unwrap().to_string(), "10.1.2.3/8");
    assert_eq!(one.user_agent.unwrap().as_str(), "");
    assert_eq!(one.created_at.to_string(), "9999-12-30T22:00:00.000000Z");

    let two = log.get(id(2)).await.unwrap().unwrap();
    assert_eq!((two.actor.id().len(), two.action.as_str()), (9_000, ""));
    assert_eq!(two.metadata, None);
    assert_eq!(two.ip_address.unwrap().to_string(), "::ffff:10.0.0.1");
    assert_eq!(two.created_at.to_string(), "0001-01-01T00:00:00.000000Z");

    let three = log.get(id(3)).await.unwrap().unwrap();
    assert_eq!(three.ip_address.unwrap().to_string(), "0.0.0.0/0");
    assert!(three.metadata.unwrap().as_str().starts_with("[1000"));
}

#[tokio::test]
async fn deeply_nested_metadata_of_plain_sql_is_readable() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    let deep = "insert into control_plane.audit_logs
                    (id, actor_id, actor_type, action, target_type, target_id, metadata)
                values ('00000000-0000-0000-0000-000000000001', 'u', 'user', 'a.b', 'x', 'y',
                        (repeat('[', 2000) || repeat(']', 2000))::jsonb)";
    sql(&mut owner, deep).await;
    let record = log.get(id(1)).await.unwrap().unwrap();
    assert_eq!(record.metadata.unwrap().as_str().len(), 4_000);
}

#[tokio::test]
async fn row_that_violates_a_dropped_check_is_corrupt() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "alter table control_plane.audit_logs drop constraint audit_logs_actor_type_check;
         insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id)
         values ('00000000-0000-0000-0000-000000000001', 'r2', 'robot', 'a.b', 'x', 'y')",
    )
    .await;
    let refused = log.get(id(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { id: row, .. } if row == id(1)), "{refused:?}");
}
