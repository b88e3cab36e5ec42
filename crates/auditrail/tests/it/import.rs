//! `import` of valid input.

use std::io::Write;

use auditrail_testkit::TestDb;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// The NDJSON line of record `n`.
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

/// The created, duplicate and rejected counts of a report.
pub(crate) fn counts(report: &Value) -> (u64, u64, u64) {
    let number = |name: &str| report[name].as_u64().unwrap();
    (number("created"), number("duplicates"), number("rejected"))
}

#[tokio::test]
async fn import_reads_plain_gzip_and_stdin_idempotently() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", lines(0..3));
    let mut members = gzip(lines(3..5));
    members.extend(gzip(lines(5..7)));
    sandbox.file("b.ndjson.gz", members);
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson", "b.ndjson.gz", "-"];
    let run = sandbox.run_with_input(&args, lines(7..9).as_bytes()).code(0);
    assert_eq!(counts(&run.json()), (9, 0, 0));
    let run = sandbox.run_with_input(&args, lines(7..9).as_bytes()).code(0);
    assert_eq!(counts(&run.json()), (0, 9, 0));
    assert_eq!(sandbox.run(&["query", "--json"]).rows().len(), 9);
}

#[tokio::test]
async fn equal_lines_are_separate_records() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", line(1).repeat(3));
    let run = sandbox.run(&["import", "--format", "ndjson", "--json", "a.ndjson"]).code(0);
    assert_eq!(counts(&run.json()), (3, 0, 0));
}

#[tokio::test]
async fn missing_time_becomes_the_time_of_the_run() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", line(1).replace(r#""created_at":"2026-01-01T00:00:00Z","#, ""));
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson"];
    let run = sandbox.run(&args).code(0).stderr_has("1 record without a time");
    assert_eq!(counts(&run.json()), (1, 0, 0));
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (0, 1, 0));
}

#[tokio::test]
async fn tenant_option_fills_in_and_rejects_others() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let of = |tenant: &str, n| line(n).replace('{', &format!("{{\"tenant_id\":\"{tenant}\","));
    sandbox.file("a.ndjson", line(1) + &of("t1", 2) + &of("t2", 3));
    let run =
        sandbox.run(&["import", "--format", "ndjson", "--json", "--tenant", "t1", "a.ndjson"]);
    let run = run.code(1).stderr_has("a.ndjson:3: tenant_id: does not match --tenant");
    assert_eq!(counts(&run.json()), (2, 0, 1));
    assert_eq!(sandbox.run(&["query", "--json", "--tenant", "t1"]).rows().len(), 2);
    sandbox
        .run(&["import", "--format", "ndjson", "--tenant", "", "a.ndjson"])
        .code(2)
        .stderr_has("--tenant");
}

#[tokio::test]
async fn id_conflicts_are_rejected_with_their_line() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let id = "{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",";
    sandbox.file("a.ndjson", line(0) + &line(1).replace('{', id) + &line(2).replace('{', id));
    let args = ["import", "--format", "ndjson", "--json", "--rejects", "r.ndjson", "a.ndjson"];
    let run = sandbox.run(&args).code(1).stderr_has("a.ndjson:3: id: 01890a5d");
    assert_eq!(counts(&run.json()), (2, 0, 1));
    let rejects = sandbox.text("r.ndjson");
    assert_eq!(rejects, line(2).replace('{', id));
    let row: Value = serde_json::from_str(&sandbox.text("r.ndjson.reasons")).unwrap();
    assert_eq!((&row["line"], &row["code"]), (&json!(3), &json!("id_conflict")));
    sandbox.run(&args).code(1).stderr_has("r.ndjson already exists");
    assert_eq!(sandbox.text("r.ndjson"), rejects);
}

#[tokio::test]
async fn dry_run_needs_no_database() {
    let sandbox = Sandbox::with("postgres://absent@127.0.0.1:1/nowhere");
    sandbox.file("a.ndjson", lines(0..2));
    let args = ["import", "--format", "ndjson", "--dry-run", "a.ndjson"];
    sandbox.run(&args).code(0).stdout_has("2 records valid; nothing was written");
    sandbox.file("b.ndjson", "no\n");
    sandbox
        .run(&["import", "--format", "ndjson", "--dry-run", "b.ndjson"])
        .code(1)
        .stderr_has("b.ndjson:1: not JSON");
}

#[tokio::test]
async fn cloudtrail_is_read_in_every_layout() {
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
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("lines.ndjson", format!("{}\n{}\n{}\n", event(0), document(1..3), event(3)));
    sandbox.file("pretty.json.gz", gzip(format!("{pretty}{}", document(6..8))));
    sandbox.file("array.json", json!([event(8), event(9)]).to_string());
    let args = ["import", "--format", "cloudtrail", "--json"];
    let args = [&args[..], &["lines.ndjson", "pretty.json.gz", "array.json"]].concat();
    let run = sandbox.run(&args).code(0);
    assert_eq!(counts(&run.json()), (10, 0, 0));
    let rows = sandbox.run(&["query", "--json", "--actor", "user:ann"]).rows();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row["action"] == "iam.CreateUser"));
}
