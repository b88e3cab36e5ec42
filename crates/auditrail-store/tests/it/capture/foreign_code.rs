//! No code of other roles runs with the privileges of the owner of the log.

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use super::{records, rejection};
use crate::support::sql;

/// A body that writes a record of its own and fails otherwise; it must never run.
const EVIL: &str = "language plpgsql as $$ begin
    perform set_config('auditrail.maintenance', 'retention', true);
    execute 'delete from control_plane.audit_logs';
    execute 'insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id)
             values (''boss'', ''user'', ''secret.accessed'', ''x'', ''y'')';
    return null; end $$";

/// A database with types of the application role in the schema `app`, which the owner may use.
async fn with_types() -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner("create schema app; grant usage, create on schema app to auditrail_app").await;
    sql(
        &mut db.connect(db.app()).await,
        "create type app.status as enum ('on', 'off');
         create domain app.switch as app.status;
         create type app.span as range (subtype = app.status);
         create type app.pair as (st app.status, n int);
         create domain app.number as int;
         create type app.later as (n int)",
    )
    .await;
    db
}

/// Every cast to json that the owner of the types can create, and a domain check. They run as the role that
/// changes the row if at all.
async fn plant(db: &TestDb) {
    let mut app = db.connect(db.app()).await;
    for (n, kind) in
        ["app.status", "app.status[]", "app.span", "app.pair", "app.later"].iter().enumerate()
    {
        for target in ["json", "text", "jsonb"] {
            let function = format!("app.evil_{n}_{target}");
            sql(
                &mut app,
                &format!(
                    "create function {function}({kind}) returns {target} {EVIL};
                     create cast ({kind} as {target}) with function {function}({kind})"
                ),
            )
            .await;
        }
    }
    sql(
        &mut app,
        &format!(
            "create function app.is_evil(app.status) returns boolean {EVIL};
             create function app.equal(app.status, app.status) returns boolean {EVIL};
             create operator app.= (leftarg = app.status, rightarg = app.status, function = app.equal);
             create operator app.*<> (leftarg = app.status, rightarg = app.status, function = app.equal)"
        ),
    )
    .await;
}

const KINDS: [&str; 9] = [
    "app.status",
    "app.status[]",
    "app.switch",
    "app.switch[]",
    "app.span",
    "app.pair",
    "app.pair[]",
    "app.number",
    "app.number[]",
];

#[tokio::test]
async fn type_of_another_owner_requires_trust_owner() {
    let db = with_types().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "create type public.nested as (p app.pair[]); create domain public.outer_domain as app.status").await;
    for kind in KINDS.iter().chain(&["public.nested", "public.outer_domain", "public.nested[]"]) {
        sql(&mut owner, &format!("create table public.t (id int primary key, st {kind})")).await;
        let message = rejection(&mut owner, "select control_plane.audit_table('public.t')").await;
        assert!(
            message.starts_with("the owner of the type app.")
                && message.ends_with(
                    " in public.t could run code with the rights of the owner of the log"
                ),
            "{kind}: {message}"
        );
        sql(&mut owner, "select control_plane.audit_table('public.t', trust_owner => true); drop table public.t").await;
    }
    sql(
        &mut owner,
        "create type public.own as enum ('a'); create domain public.own_domain as public.own[];
         create table public.t (id int primary key, st public.own_domain, j jsonb, u uuid[]);
         select control_plane.audit_table('public.t')",
    )
    .await;
}

#[tokio::test]
async fn casts_of_other_owners_do_not_run() {
    let db = with_types().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create table app.things (
             id int primary key, st app.status, list app.status[], sw app.switch, sp app.span, p app.pair,
             n app.number, l app.later);
         select control_plane.audit_table('app.things', target_id => '{id,st}', tenant_id => 'sw',
                                          trust_owner => true);
         grant all on app.things to auditrail_app",
    )
    .await;
    plant(&db).await;
    let mut app = db.connect(db.app()).await;
    // The owner of a composite type can add an attribute to it while the table uses it.
    sql(&mut app, "alter type app.later add attribute st app.status").await;
    let row = "'off', '{on,off}', 'on', '[on,off]', '(on,1)', 7, '(1,on)'";
    for change in [
        format!("insert into app.things values (5, {row})"),
        "update app.things set st = 'on', sw = 'off', n = 8".to_owned(),
        "delete from app.things".to_owned(),
    ] {
        sql(&mut app, &change).await;
    }
    let rows = records(&mut owner).await;
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["actor_id"] == "system"), "{rows:?}");
    assert_eq!(
        rows[0]["metadata"]["new"],
        json!({"id": 5, "st": "off", "list": "{on,off}", "sw": "on", "sp": "[on,off]", "p": "(on,1)",
               "n": "7", "l": "(1,on)"})
    );
    let pair = |old: &str, new: &str| json!({"old": old, "new": new});
    assert_eq!(
        rows[1]["metadata"]["changed"],
        json!({"st": pair("off", "on"), "sw": pair("on", "off"), "n": pair("7", "8")})
    );
    assert_eq!(
        (&rows[0]["target_id"], &rows[0]["tenant_id"]),
        (&json!(r#"[5, "off"]"#), &json!("on"))
    );
}

#[tokio::test]
async fn casts_for_columns_added_later_do_not_run() {
    let db = with_types().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create type public.own as enum ('on', 'off');
         create table app.things (id int primary key, own public.own);
         select control_plane.audit_table('app.things');
         grant all on app.things to auditrail_app",
    )
    .await;
    plant(&db).await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "insert into app.things values (1, 'on')").await;
    // A column is added, one changes its type, and a type is given to another role.
    sql(&mut owner, "alter table app.things add column st app.status").await;
    sql(&mut app, "insert into app.things values (2, 'on', 'on')").await;
    sql(&mut owner, "alter table app.things alter column st type app.status[] using array[st]")
        .await;
    sql(&mut app, "insert into app.things values (3, 'on', '{on}')").await;
    sql(&mut db.connect(db.admin()).await, "alter type public.own owner to auditrail_app").await;
    sql(
        &mut app,
        &format!(
            "create function app.late(public.own) returns json {EVIL};
             create cast (public.own as json) with function app.late(public.own);
             insert into app.things values (4, 'off', '{{off}}'); update app.things set own = 'off'"
        ),
    )
    .await;
    let rows = records(&mut owner).await;
    assert_eq!(rows.len(), 4 + 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["actor_id"] == "system"), "{rows:?}");
    assert_eq!(rows[3]["metadata"]["new"], json!({"id": 4, "own": "off", "st": "{off}"}));
}

#[tokio::test]
async fn privilege_of_public_makes_no_role_trusted() {
    let db = with_types().await;
    let mut owner = db.connect(db.owner()).await;
    // As after a restore without privileges.
    sql(
        &mut owner,
        "grant execute on function control_plane.record_row_change() to public;
         create table app.things (id int primary key, st app.status);
         grant all on app.things to auditrail_app",
    )
    .await;
    let call = "select control_plane.audit_table('app.things')";
    assert!(rejection(&mut owner, call).await.contains("the type app.status in app.things"));
    sql(&mut owner, "select control_plane.audit_table('app.things', trust_owner => true)").await;
    plant(&db).await;
    sql(&mut db.connect(db.app()).await, "insert into app.things values (1, 'on')").await;
    let rows = records(&mut owner).await;
    assert_eq!((rows.len(), &rows[0]["actor_id"]), (1, &json!("system")), "{rows:?}");
}

#[tokio::test]
async fn trusted_types_keep_their_json_form() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create type public.status as enum ('on', 'off');
         create domain public.number as int check (value > 0);
         create type public.pair as (st public.status, n public.number);
         create table public.t (id int primary key, st public.status, list public.status[], p public.pair,
                                n public.number);
         select control_plane.audit_table('public.t');
         insert into public.t values (1, 'on', '{{on},{off}}', '(on,1)', 7)",
    )
    .await;
    assert_eq!(
        records(&mut owner).await[0]["metadata"]["new"],
        json!({"id": 1, "st": "on", "list": [["on"], ["off"]], "p": {"st": "on", "n": 1}, "n": 7})
    );
}

#[tokio::test]
async fn partition_of_another_owner_requires_trust_owner() {
    let db = with_types().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create table public.parts (id int primary key) partition by range (id);
         create table app.part partition of public.parts for values from (0) to (10)",
    )
    .await;
    sql(&mut db.connect(db.admin()).await, "alter table app.part owner to auditrail_app").await;
    let message = rejection(&mut owner, "select control_plane.audit_table('public.parts')").await;
    assert_eq!(
        message,
        "the owner of app.part could run code with the rights of the owner of the log"
    );
}

#[tokio::test]
async fn inherited_tables_must_be_captured_first() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "create table public.person (id int primary key, name text);
         create table public.student (school text) inherits (public.person);
         create table public.freshman () inherits (public.student)",
    )
    .await;
    let parent = "select control_plane.audit_table('public.person')";
    let child = "select control_plane.audit_table('public.student', target_id => '{id}')";
    assert_eq!(
        rejection(&mut owner, parent).await,
        "public.student inherits from public.person, but its changes are not captured"
    );
    assert_eq!(
        rejection(&mut owner, child).await,
        "public.freshman inherits from public.student, but its changes are not captured"
    );
    sql(&mut owner, "select control_plane.audit_table('public.freshman', target_id => '{id}')")
        .await;
    sql(&mut owner, &format!("{child}; {parent}")).await;
    sql(
        &mut owner,
        "insert into public.student values (1, 'ana', 's'); insert into public.freshman values (2, 'bob', 's');
         update public.person set name = 'eve'; delete from public.person",
    )
    .await;
    let rows = records(&mut owner).await;
    let actions: Vec<&Value> = rows.iter().map(|row| &row["action"]).collect();
    assert_eq!(actions.len(), 6, "{actions:?}");
    assert_eq!(rows[0]["metadata"]["table"], "public.student");
}

#[tokio::test]
async fn temporary_table_is_rejected() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    // It can be changed in a read-only transaction, which can write no record.
    sql(&mut owner, "create temporary table scratch (id int primary key)").await;
    let message = rejection(&mut owner, "select control_plane.audit_table('scratch')").await;
    assert!(message.ends_with("scratch is a temporary table"), "{message}");
}
