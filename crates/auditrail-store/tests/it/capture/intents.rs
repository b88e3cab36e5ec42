//! Changes of rows without a record of the application in their transaction.

use auditrail_testkit::TestDb;
use sqlx::PgConnection;

use super::{ADD, shop};
use crate::support::{number, sql};

const INTENT: &str = r#"select control_plane.record_audit_log(
    '{"actor_type": "user", "actor_id": "u1", "action": "project.made", "target_type": "project",
      "target_id": "p1"}')"#;

/// The targets of changes without an intent, oldest first.
async fn unexplained(db: &mut PgConnection) -> Vec<String> {
    let targets = "select target_id from control_plane.changes_without_intent()";
    sqlx::query_scalar(targets).fetch_all(db).await.unwrap()
}

#[tokio::test]
async fn changes_without_an_intent_are_found() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, &format!("begin; {INTENT}; {ADD}; commit")).await;
    sql(&mut app, &format!("begin; {ADD}; {INTENT}; commit")).await;
    sql(&mut app, &format!("begin; savepoint s; {ADD}; release s; {INTENT}; commit")).await;
    sql(&mut app, &format!("begin; {ADD}; savepoint s; {INTENT}; rollback to s; commit")).await;
    sql(&mut app, ADD).await;
    sql(&mut app, INTENT).await;
    assert_eq!(unexplained(&mut app).await, ["4", "5"]);
    let later = "select count(*) from control_plane.changes_without_intent(now())";
    assert_eq!(number(&mut app, later).await, 0);
    // With the privileges of the caller.
    let mut reader = db.connect(db.reader()).await;
    assert_eq!(unexplained(&mut reader).await, ["4", "5"]);
}

/// Writes the records again as a restore does: with their ids of transactions, which this cluster reaches
/// after `ahead` more transactions, or reached already if negative.
async fn restore(db: &TestDb, ahead: i64) {
    db.as_owner(&format!(
        "create table public.dump as select * from control_plane.audit_logs;
         begin; set local auditrail.maintenance = 'retention'; delete from control_plane.audit_logs; commit;
         insert into control_plane.audit_logs
         select (jsonb_populate_record(dump, jsonb_build_object('xact_id',
                    xact_id::text::bigint - (select min(xact_id::text::bigint) from public.dump)
                    + pg_current_xact_id()::text::bigint + {ahead}))).* from public.dump;
         drop table public.dump"
    ))
    .await;
}

#[tokio::test]
async fn restored_changes_without_an_intent_are_found() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, ADD).await;
    sql(&mut app, &format!("begin; {INTENT}; {ADD}; commit")).await;
    restore(&db, 40).await;
    assert_eq!(unexplained(&mut app).await, ["1"]);
    // This cluster reaches the ids of the restored transactions, with records of the application.
    let last = "select max(xact_id::text::bigint) from control_plane.audit_logs";
    let last = number(&mut app, last).await;
    while number(
        &mut app,
        &format!("{} limit 1", INTENT.replacen("select", "select xact_id::text::bigint from", 1)),
    )
    .await
        <= last
    {}
    let same =
        "select count(*) from control_plane.audit_logs change join control_plane.audit_logs intent
                       using (xact_id) where change.metadata ? 'table' and change.target_id = '1'
                       and not intent.metadata ? 'table'";
    assert_eq!(number(&mut app, same).await, 1, "another record has the same id of a transaction");
    assert_eq!(unexplained(&mut app).await, ["1"]);
}

#[tokio::test]
async fn restored_changes_of_past_transactions_are_found() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, ADD).await;
    sql(&mut app, &format!("begin; {INTENT}; {ADD}; commit")).await;
    restore(&db, -500).await;
    assert_eq!(unexplained(&mut app).await, ["1"]);
}
