//! `import`: what it promises about good input.

use std::io::Write;

use auditrail_testkit::TestDb;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::program::Desk;

/// A line of a record with this number.
pub(crate) fn line(n: u64) -> String {
    let record = json!({
        "actor_type": "user", "actor_id": "u1", "action": "a.b", "target_type": "t",
        "target_id": format!("x{n}"), "created_at": "2026-01-01T00:00:00Z",
    });
    format!("{record}\n")
}

pub(crate) fn lines(range: std::ops::Range<u64>) -> String {
    range.map(line).collect()
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes.as_ref()).unwrap();
    out.finish().unwrap()
}

/// The numbers of the report.
pub(crate) fn counts(report: &Value) -> (u64, u64, u64) {
    let number = |name: &str| report[name].as_u64().unwrap();
    (number("created"), number("duplicates"), number("rejected"))
}

#[tokio::test]
async fn plain_gzip_and_stdin_are_read_alike_and_a_second_run_adds_nothing() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("a.ndjson", lines(0..3));
    let mut members = gzip(lines(3..5));
    members.extend(gzip(lines(5..7)));
    desk.file("b.ndjson.gz", members);
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson", "b.ndjson.gz", "-"];
    let run = desk.run_with_input(&args, lines(7..9).as_bytes()).code(0);
    assert_eq!(counts(&run.json()), (9, 0, 0));
    let run = desk.run_with_input(&args, lines(7..9).as_bytes()).code(0);
    assert_eq!(counts(&run.json()), (0, 9, 0));
    assert_eq!(desk.run(&["query", "--json"]).rows().len(), 9);
}

#[tokio::test]
async fn equal_lines_are_records_of_their_own() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("a.ndjson", line(1).repeat(3));
    let run = desk.run(&["import", "--format", "ndjson", "--json", "a.ndjson"]).code(0);
    assert_eq!(counts(&run.json()), (3, 0, 0));
}

#[tokio::test]
async fn a_line_without_a_time_gets_that_of_the_run_and_is_found_again() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("a.ndjson", line(1).replace(r#""created_at":"2026-01-01T00:00:00Z","#, ""));
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson"];
    let run = desk.run(&args).code(0).says("1 record without a time");
    assert_eq!(counts(&run.json()), (1, 0, 0));
    assert_eq!(counts(&desk.run(&args).code(0).json()), (0, 1, 0));
}

#[tokio::test]
async fn the_tenant_is_filled_in_and_another_one_is_rejected() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    let of = |tenant: &str, n| line(n).replace('{', &format!("{{\"tenant_id\":\"{tenant}\","));
    desk.file("a.ndjson", line(1) + &of("t1", 2) + &of("t2", 3));
    let run = desk.run(&["import", "--format", "ndjson", "--json", "--tenant", "t1", "a.ndjson"]);
    let run = run.code(1).says("a.ndjson:3: tenant_id: does not match --tenant");
    assert_eq!(counts(&run.json()), (2, 0, 1));
    assert_eq!(desk.run(&["query", "--json", "--tenant", "t1"]).rows().len(), 2);
    desk.run(&["import", "--format", "ndjson", "--tenant", "", "a.ndjson"])
        .code(2)
        .says("--tenant");
}

#[tokio::test]
async fn an_id_that_belongs_to_another_record_is_rejected_with_its_line() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    let id = "{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",";
    desk.file("a.ndjson", line(0) + &line(1).replace('{', id) + &line(2).replace('{', id));
    let args = ["import", "--format", "ndjson", "--json", "--rejects", "r.ndjson", "a.ndjson"];
    let run = desk.run(&args).code(1).says("a.ndjson:3: id: 01890a5d");
    assert_eq!(counts(&run.json()), (2, 0, 1));
    let rejects = std::fs::read_to_string(desk.path("r.ndjson")).unwrap();
    let row: Value = serde_json::from_str(&rejects).unwrap();
    assert_eq!((&row["line"], &row["code"]), (&json!(3), &json!("id_conflict")));
    desk.run(&args).code(1).says("r.ndjson already exists");
    assert_eq!(std::fs::read_to_string(desk.path("r.ndjson")).unwrap(), rejects);
}

#[tokio::test]
async fn a_dry_run_needs_no_database_and_writes_nothing() {
    let desk = Desk::with("postgres://nobody@127.0.0.1:1/nowhere");
    desk.file("a.ndjson", lines(0..2));
    let args = ["import", "--format", "ndjson", "--dry-run", "a.ndjson"];
    desk.run(&args).code(0).prints("2 records valid; nothing was written");
    desk.file("b.ndjson", "no\n");
    desk.run(&["import", "--format", "ndjson", "--dry-run", "b.ndjson"])
        .code(1)
        .says("b.ndjson:1: not JSON");
}

#[tokio::test]
async fn cloudtrail_is_read_as_lines_documents_and_arrays() {
    let event = |n: u8| {
        json!({
            "userIdentity": {"type": "IAMUser", "userName": "ann"},
            "eventTime": "2026-01-01T00:00:00Z",
            "eventSource": "iam.amazonaws.com",
            "eventName": "CreateUser",
            "eventID": format!("01890a5d-ac96-774b-bcce-b302099a80{n:02}"),
        })
    };
    let document =
        |range: std::ops::Range<u8>| json!({"Records": range.map(event).collect::<Vec<_>>()});
    let pretty = serde_json::to_string_pretty(&document(4..6)).unwrap();
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("lines.ndjson", format!("{}\n{}\n{}\n", event(0), document(1..3), event(3)));
    desk.file("pretty.json.gz", gzip(format!("{pretty}{}", document(6..8))));
    desk.file("array.json", json!([event(8), event(9)]).to_string());
    let args = ["import", "--format", "cloudtrail", "--json"];
    let args = [&args[..], &["lines.ndjson", "pretty.json.gz", "array.json"]].concat();
    let run = desk.run(&args).code(0);
    assert_eq!(counts(&run.json()), (10, 0, 0));
    let rows = desk.run(&["query", "--json", "--actor", "user:ann"]).rows();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row["action"] == "iam.CreateUser"));
}
