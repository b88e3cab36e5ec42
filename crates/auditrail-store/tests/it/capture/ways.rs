//! The ways in which rows change, and those that no trigger sees.

use auditrail_store::migrate::{Runner, silent};
use serde_json::json;
use sqlx::postgres::PgPoolCopyExt as _;

use super::{ADD, records, refused, shop};
use crate::support::{number, sql};

const COUNT: &str = "select count(*) from control_plane.audit_logs";

#[tokio::test]
async fn rows_that_come_by_copy_by_upsert_or_go_by_cascade_are_recorded() {
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
async fn a_session_that_plays_a_replica_is_not_recorded() {
    let db = shop().await;
    let mut admin = db.connect(db.admin()).await;
    sql(&mut admin, &format!("set session_replication_role = replica; {ADD}")).await;
    assert_eq!(number(&mut admin, COUNT).await, 0);
    let mut app = db.connect(db.app()).await;
    let message = refused(&mut app, "set session_replication_role = replica").await;
    assert_eq!(message, "permission denied to set parameter \"session_replication_role\"");
    let message = refused(&mut app, "alter table shop.projects disable trigger all").await;
    assert_eq!(message, "must be owner of table projects");
}

#[tokio::test]
async fn an_intent_that_was_rolled_back_is_not_named() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    let intent = r#"select control_plane.record_audit_log(
        '{"actor_type": "user", "actor_id": "u1", "action": "project.made", "target_type": "project",
          "target_id": "p1"}')"#;
    let undone = format!("begin; savepoint s; {intent}; rollback to s; {ADD}; commit");
    sql(&mut app, &undone).await;
    let told = records(&mut app).await;
    assert_eq!((told.len(), told[0]["metadata"].get("intent_id")), (1, None));
}

#[tokio::test]
async fn the_functions_stay_while_a_table_is_audited() {
    let db = shop().await;
    let runner = Runner::new(db.owner());
    let error = runner.down(12, false, &mut silent).await.unwrap_err();
    let reason = format!("{error:?}");
    assert!(reason.contains("other objects depend on it"), "{reason}");
    db.as_owner("select control_plane.stop_audit_table('shop.projects')").await;
    runner.down(12, false, &mut silent).await.unwrap();
}
