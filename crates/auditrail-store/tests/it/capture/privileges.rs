//! Privileges of the trigger, and of attaching it.

use super::{ADD, records, rejection, shop};
use crate::support::sql;

#[tokio::test]
async fn role_without_privileges_on_the_log_is_recorded() {
    let db = shop().await;
    db.as_owner(
        "grant usage on schema shop to auditrail_reader;
         grant insert on shop.projects to auditrail_reader;
         revoke all on control_plane.audit_logs from auditrail_reader;
         revoke all on schema control_plane from auditrail_reader",
    )
    .await;
    let mut reader = db.connect(db.reader()).await;
    sql(&mut reader, ADD).await;
    let direct = rejection(&mut reader, "select from control_plane.audit_logs").await;
    assert_eq!(direct, "permission denied for schema control_plane");
    let record = &records(&mut db.connect(db.owner()).await).await[0];
    assert_eq!(record["metadata"]["database_user"], "auditrail_reader");
}

#[tokio::test]
async fn attaching_the_trigger_requires_a_grant() {
    let db = shop().await;
    db.as_owner("create schema theirs; grant usage, create on schema theirs to auditrail_app")
        .await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "create table theirs.lies (id int primary key)").await;
    for (attempt, function) in [
        ("select control_plane.audit_table('theirs.lies')", "audit_table"),
        ("select control_plane.stop_audit_table('shop.projects')", "stop_audit_table"),
        (
            "create trigger t after insert on theirs.lies for each row
             execute function control_plane.record_row_change('key', '{id}', '{}', '')",
            "control_plane.record_row_change",
        ),
        (
            "create temporary table lies (id int);
             create trigger t after insert on lies for each row
             execute function control_plane.record_row_change('key', '{id}', '{}', '')",
            "control_plane.record_row_change",
        ),
    ] {
        let message = rejection(&mut app, attempt).await;
        assert_eq!(message, format!("permission denied for function {function}"));
    }
    db.as_owner(
        "grant execute on function
             control_plane.audit_table(regclass, text, text[], text[], text, boolean),
             control_plane.stop_audit_table(regclass),
             control_plane.record_row_change() to auditrail_app",
    )
    .await;
    sql(
        &mut app,
        "select control_plane.audit_table('theirs.lies'); insert into theirs.lies values (1)",
    )
    .await;
    assert_eq!(records(&mut app).await.len(), 1);
    let others =
        rejection(&mut app, "select control_plane.stop_audit_table('shop.projects')").await;
    assert_eq!(others, "must be owner of relation projects");
    sql(&mut app, "select control_plane.stop_audit_table('theirs.lies')").await;
}

#[tokio::test]
async fn types_of_the_caller_do_not_shadow_system_types() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    // It would be evaluated with the privileges of the owner.
    sql(
        &mut app,
        "create function pg_temp.steal() returns boolean language plpgsql
             as 'begin raise exception ''run as %'', current_user; end';
         create domain pg_temp.text as pg_catalog.text check (pg_temp.steal());
         create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.steal())",
    )
    .await;
    sql(&mut app, ADD).await;
    assert_eq!(records(&mut app).await.len(), 1);
}

#[tokio::test]
async fn table_of_another_owner_requires_trust_owner() {
    let db = shop().await;
    db.as_owner("create schema theirs; grant usage, create on schema theirs to auditrail_app")
        .await;
    let mut app = db.connect(db.app()).await;
    sql(
        &mut app,
        "create table theirs.rows (id int primary key);
         grant trigger on theirs.rows to auditrail_owner",
    )
    .await;
    let mut owner = db.connect(db.owner()).await;
    let message = rejection(&mut owner, "select control_plane.audit_table('theirs.rows')").await;
    let expected =
        "the owner of theirs.rows could run code with the rights of the owner of the log";
    assert_eq!(message, expected);
    sql(&mut owner, "select control_plane.audit_table('theirs.rows', trust_owner => true)").await;
    sql(&mut app, "insert into theirs.rows values (1)").await;
    assert_eq!(records(&mut app).await.len(), 1);
}
