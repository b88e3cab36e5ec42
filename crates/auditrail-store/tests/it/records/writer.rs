//! The writer of a record: set by the service or by the database, never by the caller.

use auditrail_core::{AuditLogService, OnInvalid, Record, RecordedBy};
use auditrail_store::{BulkWriter, StoreError};
use auditrail_testkit::TestDb;
use sqlx::Connection;

use crate::support::{id, input, log, record};

const ROLE: &str = "role:auditrail_app";

fn writer(record: Option<Record>) -> String {
    record.unwrap().recorded_by.unwrap().as_str().to_owned()
}

#[tokio::test]
async fn records_without_a_writer_get_the_role_of_the_session() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let own = |number| Record { recorded_by: None, ..record(number, number) };
    let created = log.create(input().with_id(id(1))).await.unwrap();
    assert_eq!(writer(Some(created.record().clone())), ROLE);
    let inputs = (2..4).map(|number| input().with_id(id(number))).collect();
    log.create_many(inputs, OnInvalid::Refuse).await.unwrap();
    let mut bulk = log.bulk_writer().await.unwrap();
    bulk.write(&[own(4), own(5)]).await.unwrap();
    // The taken id of record 5 makes the second chunk an INSERT.
    bulk.write(&[own(5), own(6)]).await.unwrap();
    for number in 1..7 {
        assert_eq!(writer(log.get(id(number)).await.unwrap()), ROLE, "record {number}");
    }
}

#[tokio::test]
async fn plain_sql_gets_the_role_that_logged_in() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut app = db.connect(db.app()).await;
    let insert = "insert into control_plane.audit_logs
            (id, actor_id, actor_type, action, target_type, target_id)
        values ('00000000-0000-0000-0000-000000000001', 'u1', 'user', 'a.b', 't', 'x')";
    sqlx::query(insert).execute(&mut app).await.unwrap();
    assert_eq!(writer(log.get(id(1)).await.unwrap()), ROLE);
    app.close().await.unwrap();
}

#[tokio::test]
async fn record_audit_log_rejects_a_writer() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let call = r#"select (control_plane.record_audit_log(
        '{"actor_type": "user", "actor_id": "u1", "action": "a.b", "target_type": "t",
          "target_id": "x", "recorded_by": "key:1"}')).recorded_by"#;
    let error = sqlx::query(call).execute(&mut app).await.unwrap_err();
    let message = error.as_database_error().unwrap().message();
    assert_eq!(message, "/recorded_by: is set by the service or the database, never by the caller");
    let call = call.replace(r#", "recorded_by": "key:1""#, "");
    let (role,): (String,) =
        sqlx::query_as(sqlx::AssertSqlSafe(call)).fetch_one(&mut app).await.unwrap();
    assert_eq!(role, ROLE);
}

#[tokio::test]
async fn given_writers_are_stored_beside_the_default() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let by_key = |number| Record {
        recorded_by: Some(RecordedBy::from_stored("key:k1")),
        ..record(number, number)
    };
    let own = |number| Record { recorded_by: None, ..record(number, number) };
    let mut bulk = BulkWriter::connect(&db.service()).await.unwrap();
    bulk.write(&[by_key(1), own(2)]).await.unwrap();
    // The same by INSERT.
    bulk.write(&[by_key(1), by_key(3), own(4)]).await.unwrap();
    let mut writers = Vec::new();
    for number in 1..5 {
        writers.push(writer(log.get(id(number)).await.unwrap()));
    }
    let service = "role:auditrail_service";
    assert_eq!(writers, ["key:k1", service, "key:k1", service]);
}

#[tokio::test]
async fn a_writer_role_cannot_set_the_writer() {
    let db = TestDb::migrated().await;
    let by_key = Record { recorded_by: Some(RecordedBy::from_stored("key:k1")), ..record(1, 1) };
    let mut bulk = BulkWriter::connect(&db.app()).await.unwrap();
    let error = bulk.write(&[by_key]).await.unwrap_err();
    assert!(matches!(error, StoreError::PermissionDenied { .. }), "{error:?}");
}

#[tokio::test]
async fn outcome_is_one_of_a_list() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let insert = "insert into control_plane.audit_logs
            (actor_id, actor_type, action, target_type, target_id, outcome)
        values ('u1', 'user', 'a.b', 't', 'x', 'done')";
    let error = sqlx::query(insert).execute(&mut app).await.unwrap_err();
    let constraint = error.as_database_error().unwrap().constraint().map(str::to_owned);
    assert_eq!(constraint.as_deref(), Some("audit_logs_outcome_check"));
}
