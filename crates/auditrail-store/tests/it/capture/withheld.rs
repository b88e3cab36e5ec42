//! Secret columns, and rows beyond the limits of a record.

use serde_json::{Value, json};

use super::{ADD, records, shop};
use crate::support::sql;

#[tokio::test]
async fn secret_columns_are_never_recorded() {
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
async fn renamed_secret_column_withholds_all_values() {
    let db = shop().await;
    db.as_owner("alter table shop.projects rename column api_token to token").await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, "insert into shop.projects (org, token) values ('acme', 's3cr3t-planted')").await;
    sql(&mut app, "update shop.projects set token = 's3cr3t-planted-2'").await;
    let rows = records(&mut app).await;
    assert_eq!(rows.len(), 2);
    for record in &rows {
        assert!(!record.to_string().contains("s3cr3t-planted"), "{record}");
        assert_eq!(record["metadata"]["missing"], json!(["api_token"]));
    }
    assert_eq!(rows[1]["metadata"]["columns"], json!(["token"]));
    db.as_owner("select control_plane.audit_table('shop.projects', secret => '{token}')").await;
    sql(&mut app, "update shop.projects set name = 'b', token = 's3cr3t-planted-3'").await;
    let last = &records(&mut app).await[2]["metadata"];
    assert_eq!(last["changed"]["name"]["new"], "b");
    assert_eq!((&last["secret"], last.get("missing")), (&json!(["token"]), None));
}

#[tokio::test]
async fn largest_values_are_left_out_first() {
    let db = shop().await;
    db.as_owner("alter table shop.projects add column role text, add column notes text").await;
    let mut app = db.connect(db.app()).await;
    for change in [
        "insert into shop.projects (org, name) values ('acme', repeat('x', 70000))",
        "update shop.projects set role = 'admin', notes = repeat('x', 70000)",
        "update shop.projects set role = repeat('r', 20000), notes = repeat('x', 15000),
                                  name = repeat('n', 25000)",
        "update shop.projects set role = 'user', notes = repeat('x', 3000000)",
        "update shop.projects set notes = repeat('y', 3000000)",
        "update shop.projects set api_token = repeat('y', 3000000)",
    ] {
        sql(&mut app, change).await;
    }
    let rows = records(&mut app).await;
    assert_eq!(rows.len(), 6);
    let of = |row: usize| &rows[row]["metadata"];
    assert!(rows.iter().take(5).all(|row| row["metadata"]["truncated"] == true));
    assert_eq!(of(0)["columns"], json!(["name"]));
    assert_eq!(of(0)["new"]["org"], "acme");
    assert_eq!(of(1)["columns"], json!(["notes"]));
    assert_eq!(of(1)["changed"], json!({"role": {"old": null, "new": "admin"}}));
    // The old name and notes have 70,000 characters.
    assert_eq!(of(2)["columns"], json!(["name", "notes"]));
    assert_eq!(of(2)["changed"]["role"]["old"], "admin");
    assert_eq!(of(3)["columns"], json!(["notes"]));
    assert_eq!(of(3)["changed"]["role"]["new"], "user");
    assert_eq!((&of(4)["columns"], of(4).get("changed")), (&json!(["notes"]), None));
    assert_eq!((&of(5)["secret"], &of(5)["changed"]), (&json!(["api_token"]), &json!({})));
}

#[tokio::test]
async fn other_metadata_limits_withhold_values_as_well() {
    let db = shop().await;
    db.as_owner("alter table shop.projects add column facts jsonb").await;
    let mut app = db.connect(db.app()).await;
    for facts in [
        "repeat('[', 30) || repeat(']', 30)",
        "repeat('[', 31) || repeat(']', 31)",
        "repeat('7', 1001)",
    ] {
        sql(&mut app, &format!("insert into shop.projects (facts) values (({facts})::jsonb)"))
            .await;
    }
    let rows = records(&mut app).await;
    let left_out: Vec<_> = rows.iter().map(|record| &record["metadata"]["columns"]).collect();
    assert_eq!(left_out, [&Value::Null, &json!(["facts"]), &json!(["facts"])]);
    assert_eq!(rows[1]["metadata"]["new"]["id"], 2);
}
