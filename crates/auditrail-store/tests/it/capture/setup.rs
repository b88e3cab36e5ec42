//! The settings of an audited table.

use auditrail_testkit::TestDb;
use serde_json::json;

use super::{ADD, records, rejection, shop};
use crate::support::sql;

#[tokio::test]
async fn target_id_is_the_primary_key_or_the_given_columns() {
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
    let rejections = [
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
            "the target type must have 1 to 50 characters, no dot and no control character",
        ),
        ("'control_plane.audit_logs'", "the audit log cannot audit itself"),
        ("'shop.two_pkey'", "shop.two_pkey is not a table"),
    ];
    for (args, message) in rejections {
        let call = format!("select control_plane.audit_table({args})");
        assert_eq!(rejection(&mut owner, &call).await, message, "{call}");
    }
    sql(&mut owner, "select control_plane.audit_table('shop.keyless', target_id => '{a}')").await;
}

#[tokio::test]
async fn recording_is_reconfigured_and_stopped() {
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
