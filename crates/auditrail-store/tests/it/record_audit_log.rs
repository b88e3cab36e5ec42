//! The SQL function `record_audit_log`.

use auditrail_core::{AuditLogService, RecordId};
use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::support::{log, number, skip_record_1, sql};

mod limits;
mod validation;
mod vectors;
mod verdicts;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn record() -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.created",
        "target_type": "project", "target_id": "p1",
    })
}

/// The record with added or replaced fields.
fn with(fields: Value) -> Value {
    let mut all = record();
    let (Some(all_fields), Value::Object(fields)) = (all.as_object_mut(), fields) else {
        panic!("not an object");
    };
    all_fields.extend(fields);
    all
}

async fn call(db: &mut PgConnection, input: &str) -> Result<RecordId, sqlx::Error> {
    let id: Uuid =
        sqlx::query_scalar("select id from control_plane.record_audit_log($1::text::jsonb)")
            .bind(input)
            .fetch_one(db)
            .await?;
    Ok(id.into())
}

/// The SQLSTATE, the message and the detail of an error.
fn error_parts(error: &sqlx::Error) -> (String, String, Value) {
    let error = error.as_database_error().unwrap();
    let error = error.downcast_ref::<sqlx::postgres::PgDatabaseError>();
    let detail = error.detail().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    (error.code().to_owned(), error.message().to_owned(), detail)
}

#[tokio::test]
async fn missing_fields_get_the_defaults_of_the_interface() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let log = log(&db).await;
    let before: i64 =
        number(&mut app, "select (extract(epoch from clock_timestamp()) * 1e6)::int8").await;
    let id = call(&mut app, &record().to_string()).await.unwrap();
    let stored = log.get(id).await.unwrap().unwrap();
    assert!(stored.created_at.unix_micros() >= before);
    assert_eq!(stored.id.as_uuid().get_version_num(), 7);
    assert_eq!(stored.metadata.map(|metadata| metadata.to_string()).as_deref(), Some("{}"));
    let id_seconds = stored.id.as_uuid().get_timestamp().unwrap().to_unix().0;
    assert_eq!(id_seconds, u64::try_from(stored.created_at.timestamp().as_second()).unwrap());
}

#[tokio::test]
async fn repeated_call_is_idempotent_and_other_content_conflicts() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let first = with(json!({"id": ID, "metadata": {"n": 1.0}, "ip_address": "203.0.113.7"}));
    let id = call(&mut app, &first.to_string()).await.unwrap();
    for same in [&first, &with(json!({"id": ID})), &with(json!({"id": ID, "metadata": {"n": 1}}))] {
        assert_eq!(call(&mut app, &same.to_string()).await.unwrap(), id, "{same}");
    }
    for other in [
        json!({"target_id": "p2"}),
        json!({"metadata": {"n": 2}}),
        json!({"ip_address": "203.0.113.8"}),
        json!({"user_agent": "curl/8"}),
        json!({"tenant_id": "t"}),
        json!({"request_id": "r"}),
        json!({"outcome": "denied"}),
        json!({"actor_name": "Ada"}),
        json!({"target_name": "Apollo"}),
        json!({"created_at": "2026-01-02T03:04:05Z"}),
    ] {
        let mut other = with(other);
        other["id"] = json!(ID);
        let (state, message, _) =
            error_parts(&call(&mut app, &other.to_string()).await.unwrap_err());
        assert_eq!(state, "23505", "{other}");
        assert_eq!(
            message,
            format!("a record with the id {ID} and other content is already there")
        );
    }
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 1);
}

#[tokio::test]
async fn record_is_written_when_its_id_is_free_again() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    db.as_owner(&skip_record_1(2)).await;
    let input = with(json!({"id": "00000000-0000-0000-0000-000000000001"})).to_string();
    call(&mut app, &input).await.unwrap();
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 1);
}

#[tokio::test]
async fn id_of_a_record_that_stays_invisible_is_a_conflict() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    db.as_owner(&skip_record_1(3)).await;
    let input = with(json!({"id": "00000000-0000-0000-0000-000000000001"})).to_string();
    let (state, _, _) = error_parts(&call(&mut app, &input).await.unwrap_err());
    assert_eq!(state, "23505");
}

#[tokio::test]
async fn record_commits_with_the_transaction() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let mut tx = app.begin().await.unwrap();
    call(&mut tx, &record().to_string()).await.unwrap();
    tx.rollback().await.unwrap();
    let count = "select count(*) from control_plane.audit_logs";
    assert_eq!(number(&mut app, count).await, 0);
    let mut tx = app.begin().await.unwrap();
    call(&mut tx, &record().to_string()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(number(&mut app, count).await, 1);
}

#[tokio::test]
async fn function_runs_with_the_privileges_of_its_caller() {
    let db = TestDb::migrated().await;
    let mut reader = db.connect(db.reader()).await;
    let (state, _, _) = error_parts(&call(&mut reader, &record().to_string()).await.unwrap_err());
    assert_eq!(state, "42501");
    // A table of the caller does not shadow the log.
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "create temporary table audit_logs (like control_plane.audit_logs)").await;
    sql(&mut app, "set search_path = pg_temp, public").await;
    call(&mut app, &record().to_string()).await.unwrap();
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 1);
}
