//! Statements that change rows, and those that fire no trigger.

use auditrail_store::migrate::{Runner, silent};
use auditrail_testkit::TestDb;
use serde_json::json;
use sqlx::postgres::PgPoolCopyExt as _;

use super::{ADD, records, rejection, shop, shop_in};
use crate::support::{number, sql};

const COUNT: &str = "select count(*) from control_plane.audit_logs";

#[tokio::test]
async fn copy_upsert_and_cascade_are_recorded() {
    let db = shop().await;
    let app = db.pool(db.app()).await;
    let mut copy = app.copy_in_raw("copy shop.projects (org, name) from stdin").await.unwrap();
    copy.send(b"acme\ta\nacme\tb\n".as_slice()).await.unwrap();
    copy.finish().await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(number(&mut owner, COUNT).await, 2);

    let upsert = "insert into shop.projects (id, name) overriding system value values (1, 'c')
                  on conflict (id) do update set name = excluded.name";
    sql(&mut owner, upsert).await;
    sql(
        &mut owner,
        "create table shop.orgs (id text primary key);
         insert into shop.orgs values ('acme');
         alter table shop.projects add foreign key (org) references shop.orgs on delete cascade;
         delete from shop.orgs",
    )
    .await;
    let actions: Vec<_> =
        records(&mut owner).await.iter().skip(2).map(|r| r["action"].clone()).collect();
    assert_eq!(
        actions,
        [json!("project.updated"), json!("project.deleted"), json!("project.deleted")]
    );
}

#[tokio::test]
async fn replica_sessions_are_not_recorded() {
    let db = shop().await;
    let mut admin = db.connect(db.admin()).await;
    sql(&mut admin, &format!("set session_replication_role = replica; {ADD}")).await;
    assert_eq!(number(&mut admin, COUNT).await, 0);
    let mut app = db.connect(db.app()).await;
    let message = rejection(&mut app, "set session_replication_role = replica").await;
    assert_eq!(message, "permission denied to set parameter \"session_replication_role\"");
    let message = rejection(&mut app, "alter table shop.projects disable trigger all").await;
    assert_eq!(message, "must be owner of table projects");
}

#[tokio::test]
async fn rolled_back_intent_is_not_referenced() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    let intent = r#"select control_plane.record_audit_log(
        '{"actor_type": "user", "actor_id": "u1", "action": "project.made", "target_type": "project",
          "target_id": "p1"}')"#;
    let rolled_back = format!("begin; savepoint s; {intent}; rollback to s; {ADD}; commit");
    sql(&mut app, &rolled_back).await;
    let rows = records(&mut app).await;
    assert_eq!((rows.len(), rows[0]["metadata"].get("intent_id")), (1, None));
}

#[tokio::test]
async fn functions_cannot_be_dropped_while_in_use() {
    let db = shop_in(TestDb::plain().await).await;
    let runner = Runner::new(db.owner());
    let error = runner.down(12, true, &mut silent).await.unwrap_err();
    let reason = format!("{error:?}");
    assert!(reason.contains("other objects depend on it"), "{reason}");
    db.as_owner("select control_plane.stop_audit_table('shop.projects')").await;
    runner.down(12, true, &mut silent).await.unwrap();
}
