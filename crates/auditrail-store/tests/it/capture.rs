//! Triggers that record row changes.

use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{number, sql};

mod columns;
mod foreign_code;
mod intents;
mod privileges;
mod setup;
mod statements;
mod values;
mod withheld;

/// A database with an audited table that the application can change.
async fn shop() -> TestDb {
    shop_in(TestDb::migrated().await).await
}

/// The same in a given database.
async fn shop_in(db: TestDb) -> TestDb {
    db.as_owner(
        "create schema shop;
         create table shop.projects (
             id bigint generated always as identity primary key,
             org text, name text, api_token text, size int);
         grant usage on schema shop to auditrail_app;
         grant select, insert, update, delete on shop.projects to auditrail_app;
         select control_plane.audit_table('shop.projects', target_type => 'project',
                                          secret => '{api_token}', tenant_id => 'org')",
    )
    .await;
    db
}

const ADD: &str =
    "insert into shop.projects (org, name, api_token) values ('acme', 'a', 's3cr3t-planted')";
const SET_CONTEXT: &str = r#"select control_plane.audit_context(
    '{"actor_type": "user", "actor_id": "u1", "request_id": "r1", "tenant_id": "not-this",
      "ip_address": "203.0.113.7", "user_agent": "curl/8"}')"#;

/// All records, oldest first, as JSON.
async fn records(db: &mut PgConnection) -> Vec<Value> {
    let rows: Vec<Json<Value>> = sqlx::query_scalar(
        "select to_jsonb(r) from control_plane.audit_logs r order by created_at, id",
    )
    .fetch_all(db)
    .await
    .unwrap();
    rows.into_iter().map(|Json(row)| row).collect()
}

/// The message of the error of a statement.
async fn rejection(db: &mut PgConnection, text: &str) -> String {
    let result = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(db).await;
    let error = result.err().unwrap_or_else(|| panic!("`{text}` should have been rejected"));
    error.as_database_error().unwrap().message().to_owned()
}

#[tokio::test]
async fn row_changes_are_recorded_with_old_and_new_values() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    for change in [
        ADD,
        "update shop.projects set name = 'b', size = 3",
        "update shop.projects set name = 'b'",
        "delete from shop.projects",
    ] {
        sql(&mut app, change).await;
    }
    let records = records(&mut app).await;
    let changes: Vec<_> =
        records.iter().map(|r| (r["action"].clone(), r["metadata"].clone())).collect();
    let about = |fields: Value| {
        let mut all = json!({
            "table": "shop.projects", "secret": ["api_token"], "database_user": "auditrail_app",
        });
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    };
    let updated = json!({
        "table": "shop.projects", "database_user": "auditrail_app",
        "changed": {"name": {"old": "a", "new": "b"}, "size": {"old": null, "new": 3}},
    });
    let new = json!({"new": {"id": 1, "org": "acme", "name": "a", "size": null}});
    let old = json!({"old": {"id": 1, "org": "acme", "name": "b", "size": 3}});
    let expected = [
        (json!("project.inserted"), about(new)),
        (json!("project.updated"), updated),
        (json!("project.deleted"), about(old)),
    ];
    assert_eq!(changes, expected);
    for record in &records {
        let of = ["actor_type", "actor_id", "target_type", "target_id", "tenant_id"];
        assert_eq!(
            of.map(|name| record[name].as_str().unwrap()),
            ["system", "system", "project", "1", "acme"]
        );
    }
}

#[tokio::test]
async fn context_applies_to_its_transaction_only() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, &format!("begin; {SET_CONTEXT}; {ADD}; commit")).await;
    sql(&mut app, ADD).await;
    let records = records(&mut app).await;
    let of = |record: &Value| {
        ["actor_type", "actor_id", "request_id", "tenant_id", "ip_address", "user_agent"]
            .map(|name| record[name].as_str().map(str::to_owned))
    };
    let some = |text: &str| Some(text.to_owned());
    let (acme, system) = (some("acme"), some("system"));
    let curl = some("curl/8");
    let address = some("203.0.113.7");
    assert_eq!(
        of(&records[0]),
        [some("user"), some("u1"), some("r1"), acme.clone(), address, curl]
    );
    assert_eq!(records[0]["metadata"]["database_user"], "auditrail_app", "whatever is claimed");
    assert_eq!(of(&records[1]), [system.clone(), system, None, acme, None, None]);
    let message =
        rejection(&mut app, r#"select control_plane.audit_context('{"actor": "u1"}')"#).await;
    assert_eq!(message, "the context has no actor");
}

#[tokio::test]
async fn changes_reference_the_intent_of_their_transaction() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    let intent = r#"select control_plane.record_audit_log(
        '{"actor_type": "user", "actor_id": "u1", "action": "project.made", "target_type": "project",
          "target_id": "p1"}')"#;
    sql(&mut app, &format!("begin; {intent}; {ADD}; commit")).await;
    sql(&mut app, ADD).await;
    let records = records(&mut app).await;
    assert_eq!(records.len(), 3);
    assert_eq!(records[1]["metadata"]["intent_id"], records[0]["id"]);
    assert_eq!(records[1]["xact_id"], records[0]["xact_id"]);
    assert_eq!(records[2]["metadata"].get("intent_id"), None);
    assert_ne!(records[2]["xact_id"], records[0]["xact_id"]);
}

#[tokio::test]
async fn rolled_back_change_leaves_no_record() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, &format!("begin; {ADD}; rollback")).await;
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 0);
}

#[tokio::test]
async fn truncate_is_recorded() {
    let db = shop().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "truncate shop.projects").await;
    let record = &records(&mut owner).await[0];
    assert_eq!(
        (&record["action"], &record["target_id"]),
        (&json!("project.truncated"), &json!("all"))
    );
    let about = json!({"table": "shop.projects", "database_user": "auditrail_owner"});
    assert_eq!(record["metadata"], about);
}

#[tokio::test]
async fn context_is_validated_when_it_is_set() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    for (context, message) in [
        (r#"{"actor": "u1"}"#, "the context has no actor"),
        (r#"{"actor_id": "u1"}"#, r#"/actor_id: must be "system" when the actor type is system"#),
        (
            r#"{"actor_type": "robot", "actor_id": "", "request_id": 7}"#,
            "/actor_id: must not be empty; /actor_type: must be one of user, system, api_key; \
             /request_id: must be a string, not a number",
        ),
        (
            r#"{"ip_address": "203.0.113.7:80"}"#,
            "/ip_address: must be an IPv4 or IPv6 address without mask or port, such as 203.0.113.7",
        ),
    ] {
        let call = format!("select control_plane.audit_context('{context}')");
        assert_eq!(rejection(&mut app, &call).await, message);
    }
    // Absent and null fields are cleared.
    let cleared = r#"select control_plane.audit_context('{"request_id": null}')"#;
    sql(&mut app, &format!("begin; {SET_CONTEXT}; {cleared}; {ADD}; commit")).await;
    let record = &records(&mut app).await[0];
    assert_eq!((&record["actor_id"], &record["request_id"]), (&json!("system"), &Value::Null));
}
