//! Values that jsonb cannot hold, and settings that change how values are printed.

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use super::{records, shop};
use crate::support::{number, sql};

/// A table with the given columns beside its key, captured, which the application can change.
async fn table(columns: &str) -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner(&format!(
        "create schema shop;
         create table shop.t (id int primary key, {columns});
         grant usage on schema shop to auditrail_app;
         grant all on shop.t to auditrail_app;
         select control_plane.audit_table('shop.t')"
    ))
    .await;
    db
}

async fn metadata(db: &TestDb) -> Vec<Value> {
    let rows = records(&mut db.connect(db.app()).await).await;
    rows.into_iter().map(|row| row["metadata"].clone()).collect()
}

#[tokio::test]
async fn values_that_jsonb_rejects_do_not_reject_the_change() {
    for (kind, values) in [
        (
            "json",
            vec![
                r#"{"note":"a\u0000b"}"#,
                r#"{"note":"\ud83d"}"#,
                r#"{"\u0000":1}"#,
                r#"["\udc00x"]"#,
            ],
        ),
        ("json[]", vec![r#"{"{\"a\":\"\\u0000\"}"}"#]),
        ("json_domain", vec![r#"{"note":"a\u0000b"}"#]),
        ("json_pair", vec![r#"(1,"{""a"":""\\u0000""}")"#]),
    ] {
        let db = TestDb::migrated().await;
        db.as_owner(&format!(
            "create domain public.json_domain as json;
             create type public.json_pair as (n int, raw json);
             create schema shop; create table shop.t (id int primary key, n int, raw {kind});
             select control_plane.audit_table('shop.t')"
        ))
        .await;
        let mut owner = db.connect(db.owner()).await;
        for value in &values {
            sql(&mut owner, &format!("insert into shop.t values (1, 1, '{value}')")).await;
            sql(&mut owner, "update shop.t set n = 2").await;
            sql(&mut owner, &format!("update shop.t set raw = '{value}', n = 2")).await;
            sql(&mut owner, "update shop.t set raw = null").await;
            sql(&mut owner, "delete from shop.t").await;
        }
        let rows = metadata(&db).await;
        assert_eq!(rows.len(), 4 * values.len(), "{kind}");
        for row in rows.chunks(4) {
            assert_eq!(row[0]["new"], json!({"id": 1, "n": 1}), "{kind}");
            assert_eq!((&row[0]["columns"], &row[0]["truncated"]), (&json!(["raw"]), &json!(true)));
            assert_eq!(row[1]["changed"], json!({"n": {"old": 1, "new": 2}}));
            assert_eq!(row[1].get("truncated"), None, "raw did not change");
            assert_eq!((&row[2]["columns"], row[2].get("changed")), (&json!(["raw"]), None));
            assert_eq!(row[3]["old"], json!({"id": 1, "n": 2, "raw": null}));
        }
    }
}

#[tokio::test]
async fn secret_columns_are_not_converted() {
    let db = table("raw json, n int").await;
    db.as_owner("select control_plane.audit_table('shop.t', secret => '{raw}')").await;
    let mut app = db.connect(db.app()).await;
    for change in [
        r#"insert into shop.t values (1, '{"a":"\u0000"}', 1)"#,
        r#"update shop.t set raw = '{"a":"\u0000\u0000"}'"#,
        "update shop.t set n = 2",
        "delete from shop.t",
    ] {
        sql(&mut app, change).await;
    }
    let rows = metadata(&db).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.get("truncated").is_none()), "{rows:?}");
    assert_eq!((&rows[1]["secret"], &rows[1]["changed"]), (&json!(["raw"]), &json!({})));
    assert_eq!(rows[2].get("secret"), None);
}

#[tokio::test]
async fn changed_text_of_json_is_recorded() {
    let db = table("raw json, x xml, f regproc").await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, r#"insert into shop.t values (1, '{"role":"user"}', '<a/>', 'pg_catalog.now')"#)
        .await;
    // jsonb would keep the last of both.
    sql(&mut app, r#"update shop.t set raw = '{"role":"admin","role":"user"}'"#).await;
    sql(&mut app, r#"update shop.t set x = '<?xml version="1.0" encoding="UTF-8"?><a/>'"#).await;
    sql(&mut app, "update shop.t set f = f").await;
    let rows = metadata(&db).await;
    assert_eq!(rows.len(), 3);
    assert!(rows[1]["changed"].get("raw").is_some());
    assert!(rows[2]["changed"].get("x").is_some());
}

#[tokio::test]
async fn equal_numbers_are_no_change() {
    let db = table("price numeric, facts jsonb").await;
    let mut app = db.connect(db.app()).await;
    sql(&mut app, r#"insert into shop.t values (1, 1.0, '{"a": 1.0}')"#).await;
    sql(&mut app, r#"update shop.t set price = 1.00, facts = '{"a": 1.00}'"#).await;
    assert_eq!(metadata(&db).await.len(), 1);
}

/// Settings that change what values look like, each as far from the default as possible.
const SETTINGS: [(&str, &str); 26] = [
    ("extra_float_digits", "-15"),
    ("extra_float_digits", "0"),
    ("bytea_output", "escape"),
    ("intervalstyle", "iso_8601"),
    ("datestyle", "German, DMY"),
    ("timezone", "Asia/Tokyo"),
    ("lc_monetary", "C"),
    ("quote_all_identifiers", "on"),
    ("search_path", "shop"),
    ("standard_conforming_strings", "off"),
    ("backslash_quote", "off"),
    ("escape_string_warning", "off"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("xmlbinary", "hex"),
    ("xmloption", "document"),
    ("exit_on_error", "on"),
    ("plan_cache_mode", "force_custom_plan"),
    ("row_security", "off"),
    ("default_text_search_config", "german"),
    ("check_function_bodies", "off"),
    ("enable_indexscan", "off"),
    ("enable_seqscan", "off"),
    ("work_mem", "64"),
    ("default_transaction_isolation", "serializable"),
    ("client_min_messages", "error"),
];

#[tokio::test]
async fn no_setting_of_the_session_changes_a_record() {
    let db = table(
        "f float8, g real[], m money, i interval, b bytea, t timestamptz, r daterange, s tstzrange,
         c regclass, p point, e text, j json, a text[]",
    )
    .await;
    let mut expected = None;
    for (name, value) in [("application_name", "x")].into_iter().chain(SETTINGS) {
        let mut app = db.connect(db.app()).await;
        sql(&mut app, &format!("set {name} = '{value}'")).await;
        for change in [
            "insert into shop.t values (1, 124, '{0.1}', '99.5'::numeric::money, '3 days 4 hours'::interval,
                 decode('00ff', 'hex'), timestamptz 'epoch', daterange(date '2026-01-31', null),
                 tstzrange('epoch', null), 'shop.t'::pg_catalog.regclass, point(0.1, 2), 'e', '[1]', array['NULL', null])",
            "update shop.t set f = 149",
            "update shop.t set f = 149.00000000000003, g = array[0.1, 0.30000001]::real[]",
            r#"update shop.t set j = ('{"a":"' || chr(92) || 'u0000"}')::pg_catalog.json, e = 'x'"#,
            "delete from shop.t",
        ] {
            sql(&mut app, change).await;
        }
        let rows = metadata(&db).await;
        let rows: Vec<Value> = rows[rows.len() - 5..].to_vec();
        assert_eq!(rows[1]["changed"], json!({"f": {"old": 124, "new": 149}}), "{name} = {value}");
        assert_eq!(&rows, expected.get_or_insert(rows.clone()), "{name} = {value}");
    }
    let first = &expected.unwrap()[0]["new"];
    assert_eq!(first["b"], "\\x00ff");
    assert_eq!(first["i"], "3 days 04:00:00");
    assert_eq!(first["t"], "1970-01-01T00:00:00+00:00");
    assert_eq!(first["r"], "[2026-01-31,)");
}

#[tokio::test]
async fn very_large_and_deep_values_do_not_reject_the_change() {
    let db = table("a text, b text, c bytea, j jsonb").await;
    let mut app = db.connect(db.app()).await;
    // jsonb cannot hold both texts.
    sql(
        &mut app,
        "insert into shop.t values (1, repeat('x', 150000000), repeat('y', 150000000), null, '1')",
    )
    .await;
    sql(&mut app, "update shop.t set c = convert_to(repeat('z', 3000000), 'UTF8'), b = 'b'").await;
    sql(
        &mut app,
        "update shop.t set a = 'a', c = null, j = (repeat('[', 5000) || repeat(']', 5000))::jsonb",
    )
    .await;
    sql(&mut app, "delete from shop.t").await;
    let rows = metadata(&db).await;
    let columns: Vec<_> = rows.iter().map(|row| &row["columns"]).collect();
    assert_eq!(
        columns,
        [&json!(["a", "b"]), &json!(["b", "c"]), &json!(["a", "c", "j"]), &json!(["j"])]
    );
    assert_eq!(rows[3]["old"], json!({"id": 1, "a": "a", "b": "b", "c": null}));
}

#[tokio::test]
async fn tables_of_many_columns_are_recorded_within_the_limit() {
    let db = TestDb::migrated().await;
    let columns = |prefix: &str, count: usize| {
        (0..count)
            .map(|n| format!("{prefix}_{n:0>50} text default 'v'"))
            .collect::<Vec<_>>()
            .join(",")
    };
    db.as_owner(&format!(
        "create table public.wide (id int primary key, {}, {});
         select control_plane.audit_table('public.wide', secret => (
             select array_agg(attname::text) from pg_attribute
              where attrelid = 'public.wide'::regclass and attname like 'secret%'))",
        columns("plain", 1000),
        columns("secret", 500)
    ))
    .await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "insert into public.wide (id) values (1)").await;
    sql(&mut owner, "update public.wide set id = 2").await;
    let rows = records(&mut owner).await;
    let note = &rows[0]["metadata"];
    assert!(note.to_string().len() <= 65536, "{}", note.to_string().len());
    assert_eq!(note["truncated"], json!(true));
    assert!(note["secret"].as_array().unwrap().len() > 100);
    assert!(note["new"].as_object().unwrap().len() > 100);
    assert_eq!(rows[1]["metadata"]["changed"], json!({"id": {"old": 1, "new": 2}}));
}

#[tokio::test]
async fn invalid_context_is_ignored_and_reported() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    for (settings, ignored) in [
        ("set_config('auditrail.actor_type', 'robot', true)", json!(["actor_type", "actor_id"])),
        ("set_config('auditrail.actor_type', 'user', true)", json!(["actor_type", "actor_id"])),
        ("set_config('auditrail.actor_id', 'u1', true)", json!(["actor_type", "actor_id"])),
        ("set_config('auditrail.ip_address', 'none/8', true)", json!(["ip_address"])),
        (
            "set_config('auditrail.request_id', E'a\\nb', true), set_config('auditrail.user_agent', repeat('x', 9000), true)",
            Value::Null,
        ),
    ] {
        sql(&mut app, &format!("begin; select {settings}; {}; commit", super::ADD)).await;
        let row = records(&mut app).await.pop().unwrap();
        assert_eq!(row["metadata"]["ignored_context"], ignored, "{settings}");
        assert_eq!((&row["actor_type"], &row["ip_address"]), (&json!("system"), &Value::Null));
    }
    let last = records(&mut app).await.pop().unwrap();
    assert_eq!(last["request_id"], "a?b");
    assert_eq!(number(&mut app, "select count(*) from control_plane.audit_logs").await, 5);
}
