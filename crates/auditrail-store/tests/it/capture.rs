//! Triggers that record changes of rows.

use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{number, sql};

/// A database with an audited table that the application may change.
async fn shop() -> TestDb {
    let db = TestDb::migrated().await;
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
const ACTS: &str = r#"select control_plane.audit_context(
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

/// The words a statement is refused with.
async fn refused(db: &mut PgConnection, text: &str) -> String {
    let done = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(db).await;
    let error = done.err().unwrap_or_else(|| panic!("`{text}` should have been refused"));
    error.as_database_error().unwrap().message().to_owned()
}

#[tokio::test]
async fn each_change_of_a_row_is_recorded_with_what_changed() {
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
    let told: Vec<_> =
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
    assert_eq!(told, expected);
    for record in &records {
        let of = ["actor_type", "actor_id", "target_type", "target_id", "tenant_id"];
        assert_eq!(
            of.map(|name| record[name].as_str().unwrap()),
            ["system", "system", "project", "1", "acme"]
        );
    }
}

#[tokio::test]
async fn secret_columns_never_leave_the_row() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, ADD).await;
    sql(&mut app, "update shop.projects set api_token = 's3cr3t-planted-2'").await;
    sql(
        &mut app,
        "update shop.projects set api_token = 's3cr3t-planted-3', name = repeat('x', 70000)",
    )
    .await;
    sql(&mut app, "delete from shop.projects").await;
    let records = records(&mut app).await;
    assert_eq!(records.len(), 4);
    assert_eq!(records[1]["metadata"]["changed"], json!({}));
    for record in records {
        assert!(!record.to_string().contains("s3cr3t-planted"), "{record}");
        assert_eq!(record["metadata"]["secret"], json!(["api_token"]));
    }
}

#[tokio::test]
async fn who_acts_and_for_which_request_comes_from_the_transaction_and_ends_with_it() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, &format!("begin; {ACTS}; {ADD}; commit")).await;
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
    assert_eq!(records[0]["metadata"].get("database_user"), None);
    assert_eq!(of(&records[1]), [system.clone(), system, None, acme, None, None]);
    let message =
        refused(&mut app, r#"select control_plane.audit_context('{"actor": "u1"}')"#).await;
    assert_eq!(message, "the context has no actor");
}

#[tokio::test]
async fn changes_name_the_record_of_their_intent_and_share_its_transaction() {
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
async fn a_change_that_is_rolled_back_leaves_no_record() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, &format!("begin; {ADD}; rollback")).await;
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 0);
}

#[tokio::test]
async fn whoever_may_not_write_records_may_not_change_an_audited_row() {
    let db = shop().await;
    db.as_owner(
        "grant usage on schema shop to auditrail_reader;
         grant insert on shop.projects to auditrail_reader",
    )
    .await;
    let mut reader = db.connect(db.reader()).await;
    assert_eq!(refused(&mut reader, ADD).await, "permission denied for table audit_logs");
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(number(&mut owner, "select count(*) from shop.projects").await, 0);
}

#[tokio::test]
async fn a_row_that_is_too_large_is_told_by_the_names_of_its_columns() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "insert into shop.projects (org, name) values ('acme', repeat('x', 70000))")
        .await;
    let metadata = &records(&mut app).await[0]["metadata"];
    assert_eq!(metadata["truncated"], json!(true));
    assert_eq!(metadata["columns"], json!(["id", "name", "org", "size"]));
    assert_eq!(metadata.get("new"), None);
}

#[tokio::test]
async fn targets_are_told_by_the_primary_key_or_by_the_columns_that_are_named() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create schema shop;
         create table shop.two (a int, b text, primary key (b, a));
         create table shop.keyless (a int);
         select control_plane.audit_table('shop.two');
         insert into shop.two values (1, 'x/y' || chr(7))",
    )
    .await;
    let records = records(&mut owner).await;
    assert_eq!(records[0]["target_type"], "two");
    assert_eq!(records[0]["target_id"], json!(r#"["x/y\u0007", 1]"#));
    let refusals = [
        (
            "'shop.keyless'",
            "shop.keyless has no primary key, so its records would not tell which row they are about",
        ),
        ("'shop.keyless', target_id => '{b}'", "shop.keyless has no column b"),
        ("'shop.two', secret => '{a,z}'", "shop.two has no column z"),
        (
            "'shop.two', secret => '{a}'",
            "a column that tells the target or the tenant cannot be secret",
        ),
        (
            "'shop.two', tenant_id => 'b', secret => '{b}'",
            "a column that tells the target or the tenant cannot be secret",
        ),
        (
            "'shop.two', target_type => 'a.b'",
            "the target type must have 1 to 50 characters and no dot",
        ),
        ("'control_plane.audit_logs'", "the audit log cannot audit itself"),
        (
            "'control_plane.idx_audit_logs_actor_id'",
            "control_plane.idx_audit_logs_actor_id is not a table",
        ),
    ];
    for (args, message) in refusals {
        let call = format!("select control_plane.audit_table({args})");
        assert_eq!(refused(&mut owner, &call).await, message, "{call}");
    }
    sql(&mut owner, "select control_plane.audit_table('shop.keyless', target_id => '{a}')").await;
}

#[tokio::test]
async fn recording_changes_settings_or_stops_when_told() {
    let db = shop().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "select control_plane.audit_table('shop.projects', secret => '{name}')").await;
    sql(&mut owner, ADD).await;
    let all = records(&mut owner).await;
    assert_eq!(all.len(), 1, "it is recorded once");
    assert_eq!(all[0]["action"], "projects.inserted");
    assert_eq!(all[0]["metadata"]["secret"], json!(["name"]));
    for _ in 0..2 {
        sql(&mut owner, "select control_plane.stop_audit_table('shop.projects')").await;
    }
    sql(&mut owner, ADD).await;
    assert_eq!(records(&mut owner).await.len(), 1);
}

#[tokio::test]
async fn partitions_are_recorded_under_their_parent() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create schema shop;
         create table shop.parts (a int primary key) partition by range (a);
         select control_plane.audit_table('shop.parts', target_type => 'part');
         create table shop.parts_1 partition of shop.parts for values from (1) to (9);
         insert into shop.parts values (2)",
    )
    .await;
    let all = records(&mut owner).await;
    assert_eq!((all.len(), &all[0]["action"]), (1, &json!("part.inserted")));
}
