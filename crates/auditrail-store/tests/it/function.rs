//! The function that writes one record for any language.

use auditrail_core::{AuditLogService, CreateInput, InputError, RecordId};
use auditrail_testkit::TestDb;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::support::{log, number, sql};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn record() -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.created",
        "target_type": "project", "target_id": "p1",
    })
}

/// The record with these fields as well, or instead.
fn with(fields: Value) -> Value {
    let mut all = record();
    let (Some(all_fields), Value::Object(fields)) = (all.as_object_mut(), fields) else {
        panic!("not an object");
    };
    all_fields.extend(fields);
    all
}

async fn call(db: &mut PgConnection, input: &Value) -> Result<RecordId, sqlx::Error> {
    let id: Uuid = sqlx::query_scalar("select id from control_plane.record_audit_log($1)")
        .bind(Json(input))
        .fetch_one(db)
        .await?;
    Ok(id.into())
}

/// What was wrong: the SQLSTATE, the message and what its detail lists.
fn told(error: &sqlx::Error) -> (String, String, Value) {
    let error = error.as_database_error().unwrap();
    let error = error.downcast_ref::<sqlx::postgres::PgDatabaseError>();
    let detail = error.detail().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    (error.code().to_owned(), error.message().to_owned(), detail)
}

/// What our own parser makes of the same input.
fn by_interface(input: &Value) -> Result<CreateInput, InputError> {
    #[expect(clippy::disallowed_methods, reason = "the function looks at the same clock")]
    let now = Timestamp::now();
    CreateInput::from_json(input.to_string().as_bytes(), now)
}

/// Both must refuse it with the same words, or take it.
async fn compare(db: &mut PgConnection, input: &Value) {
    let called = call(db, input).await;
    match (by_interface(input), called) {
        (Ok(_), Ok(_)) => {}
        (Err(InputError::Invalid(errors)), Err(error)) => {
            let (state, message, detail) = told(&error);
            assert_eq!(state, "22023", "{input}: {message}");
            assert_eq!(message, errors.to_string(), "{input}");
            assert_eq!(detail, serde_json::to_value(errors).unwrap(), "{input}");
        }
        (interface, called) => panic!("{input}: {interface:?} and {called:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_as_by_the_interface() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let mut deep = json!(1);
    for _ in 0..31 {
        deep = json!([deep]);
    }
    let long = |n: usize| "ü".repeat(n);
    for input in [
        json!({}),
        json!([]),
        json!(null),
        json!("text"),
        json!(7),
        json!(true),
        json!({"actor_type": null, "x/y~z": 1, "id": 5}),
        with(json!({"actor_type": "robot"})),
        with(json!({"actor_type": "system"})),
        with(json!({"actor_type": "system", "actor_id": ""})),
        with(json!({"actor_type": "system", "actor_id": "system"})),
        with(json!({"actor_id": long(500), "target_id": long(500), "target_type": long(50)})),
        with(json!({"actor_id": long(501), "target_id": long(501), "target_type": long(51)})),
        with(json!({"tenant_id": "", "request_id": "", "user_agent": ""})),
        with(json!({"tenant_id": long(201), "request_id": long(201), "user_agent": long(1_025)})),
        with(json!({"actor_id": "a\u{7f}b", "user_agent": "line\nbreak", "target_id": "\u{85}"})),
        with(json!({"action": "created"})),
        with(json!({"action": ".created"})),
        with(json!({"action": "project."})),
        with(json!({"action": "project.*"})),
        with(json!({"action": "a.b"})),
        with(json!({"action": "..."})),
        with(json!({"action": long(101)})),
        with(json!({"metadata": []})),
        with(json!({"metadata": "text"})),
        with(json!({"metadata": null, "ip_address": null})),
        with(json!({"metadata": {"deep": deep}})),
        with(json!({"metadata": {"deep": [deep]}})),
        with(json!({"metadata": {"deep": deep, "pad": long(2_000)}})),
        with(json!({"metadata": {"deep": [deep], "pad": long(2_000)}})),
        with(json!({"ip_address": "203.0.113.7", "id": ID.replace('-', "").to_uppercase()})),
        with(json!({"ip_address": "2001:db8::7"})),
        with(json!({"ip_address": "::ffff:203.0.113.7"})),
        with(json!({"ip_address": "203.0.113.7/24"})),
        with(json!({"ip_address": "203.0.113"})),
        with(json!({"ip_address": "203.0.113.256"})),
        with(json!({"ip_address": "203.0.113.07"})),
        with(json!({"ip_address": "fe80::1%eth0"})),
        with(json!({"ip_address": ""})),
        with(json!({"id": "not-a-uuid"})),
        with(json!({"id": format!("{{{ID}}}")})),
        with(json!({"created_at": "2026-01-02"})),
        with(json!({"created_at": "2026-01-02T03:04:05"})),
        with(json!({"created_at": "2026-02-30T03:04:05Z"})),
        with(json!({"created_at": "2026-01-02T25:04:05Z"})),
        with(json!({"created_at": "yesterday"})),
        with(json!({"created_at": "12026-01-02T03:04:05Z"})),
        with(json!({"created_at": "9999-12-31T23:59:59Z"})),
        with(json!({"created_at": "2999-01-02T03:04:05+01:00"})),
        with(json!({"created_at": 1_767_323_045})),
    ] {
        compare(&mut app, &input).await;
    }
}

#[tokio::test]
async fn any_text_in_any_field_is_judged_as_by_the_interface() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let names = ["actor_id", "action", "target_type", "target_id", "user_agent", "tenant_id", "request_id"];
    // No NUL: no jsonb can hold it.
    let texts = prop_oneof![
        "[a-z.*]{0,6}",
        "[\\x01-\\x20\\x7e-\\xa0a]{0,4}",
        "\\PC{0,120}",
    ];
    let inputs = prop::collection::vec((prop::sample::select(&names[..]), texts), 1..4);
    let mut runner = TestRunner::deterministic();
    for _ in 0..300 {
        let fields = inputs.new_tree(&mut runner).unwrap().current();
        let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), json!(text)));
        compare(&mut app, &with(Value::Object(fields.collect()))).await;
    }
}

#[tokio::test]
async fn a_record_is_stored_as_by_the_interface() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let log = log(&db).await;
    for (n, input) in (1_u128..).zip([
        with(json!({"created_at": "2026-01-02T03:04:05.1234569+02:00"})),
        with(json!({"created_at": "2026-01-02 03:04:60z", "user_agent": ""})),
        with(json!({
            "created_at": "1969-12-31T23:59:59.9999999Z", "metadata": {"n": 1.50, "list": [null]},
            "ip_address": "2001:db8::7", "user_agent": "curl/8", "tenant_id": "t", "request_id": "r",
        })),
    ]) {
        let mut input = input;
        input["id"] = json!(Uuid::from_u128(n));
        let id = call(&mut app, &input).await.unwrap();
        let stored = log.get(id).await.unwrap().unwrap();
        let asked = by_interface(&input).unwrap();
        assert!(asked.is_held_by(&stored), "{input}: {stored:?}");
        assert_eq!(stored.metadata.is_some(), true, "{input}");
    }
    let before: i64 = number(&mut app, "select (extract(epoch from clock_timestamp()) * 1e6)::int8").await;
    let id = call(&mut app, &record()).await.unwrap();
    let stored = log.get(id).await.unwrap().unwrap();
    assert!(stored.created_at.unix_micros() >= before);
    assert_eq!(stored.id.as_uuid().get_version_num(), 7);
    let made = stored.id.as_uuid().get_timestamp().unwrap().to_unix().0;
    assert_eq!(made, u64::try_from(stored.created_at.timestamp().as_second()).unwrap());
}

#[tokio::test]
async fn a_repeated_call_returns_what_is_there_and_other_content_is_a_conflict() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let first = with(json!({"id": ID, "metadata": {"n": 1.0}, "ip_address": "203.0.113.7"}));
    let id = call(&mut app, &first).await.unwrap();
    for same in [&first, &with(json!({"id": ID})), &with(json!({"id": ID, "metadata": {"n": 1}}))] {
        assert_eq!(call(&mut app, same).await.unwrap(), id, "{same}");
    }
    for other in [
        json!({"target_id": "p2"}),
        json!({"metadata": {"n": 2}}),
        json!({"ip_address": "203.0.113.8"}),
        json!({"user_agent": "curl/8"}),
        json!({"tenant_id": "t"}),
        json!({"request_id": "r"}),
        json!({"created_at": "2026-01-02T03:04:05Z"}),
    ] {
        let mut other = with(other);
        other["id"] = json!(ID);
        let (state, message, _) = told(&call(&mut app, &other).await.unwrap_err());
        assert_eq!(state, "23505", "{other}");
        assert_eq!(message, format!("a record with the id {ID} and other content is already there"));
    }
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 1);
}

#[tokio::test]
async fn the_record_is_there_exactly_when_the_transaction_commits() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let mut tx = app.begin().await.unwrap();
    call(&mut tx, &record()).await.unwrap();
    tx.rollback().await.unwrap();
    let count = "select count(*) from control_plane.audit_logs";
    assert_eq!(number(&mut app, count).await, 0);
    let mut tx = app.begin().await.unwrap();
    call(&mut tx, &record()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(number(&mut app, count).await, 1);
}

#[tokio::test]
async fn it_gives_nobody_a_right_that_he_has_not() {
    let db = TestDb::migrated().await;
    let mut reader = db.connect(db.reader()).await;
    let (state, _, _) = told(&call(&mut reader, &record()).await.unwrap_err());
    assert_eq!(state, "42501");
    // Nor does a table of the caller's stand in for ours.
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "create temporary table audit_logs (like control_plane.audit_logs)").await;
    sql(&mut app, "set search_path = pg_temp, public").await;
    call(&mut app, &record()).await.unwrap();
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 1);
}
