//! `export`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::program::Desk;

async fn three(db: &TestDb) -> Desk {
    let desk = Desk::with(&db.url(&db.app()));
    let lines: String = ["=cmd|calc", "+1", "plain, \"quoted\""]
        .iter()
        .enumerate()
        .map(|(n, target)| {
            let record = json!({
                "actor_type": "user", "actor_id": "u", "action": "a.b", "target_type": "t",
                "target_id": target, "created_at": format!("2026-01-0{}T00:00:00Z", n + 1),
            });
            format!("{record}\n")
        })
        .collect();
    let run = desk.run_with_input(&["import", "--format", "ndjson", "-"], lines.as_bytes());
    run.code(0);
    desk
}

#[tokio::test]
async fn ndjson_ends_with_a_manifest_that_fits_the_lines_before_it() {
    let db = TestDb::migrated().await;
    let desk = three(&db).await;
    let run = desk.run(&["export", "--format", "ndjson"]).code(0);
    let rows = run.rows();
    assert_eq!(rows.len(), 4);
    let manifest = &rows[3]["auditrail_manifest"];
    let before = &run.out[..run.out.trim_end().rfind('\n').unwrap() + 1];
    let digest: String = Sha256::digest(before).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(manifest["sha256"], digest);
    assert_eq!(manifest["records"], 3);
    for (name, row) in [("first", &rows[0]), ("last", &rows[2])] {
        let mark = json!({"created_at": row["created_at"], "id": row["id"]});
        assert_eq!(manifest[name], mark);
    }
}

#[tokio::test]
async fn an_export_of_nothing_is_complete_too() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    let run = desk.run(&["export", "--format", "ndjson"]).code(0);
    assert_eq!(run.json()["auditrail_manifest"]["records"], 0);
    assert_eq!(run.json()["auditrail_manifest"]["first"], Value::Null);
    let run = desk.run(&["export", "--format", "csv"]).code(0);
    assert_eq!(run.out.lines().count(), 1);
}

#[tokio::test]
async fn csv_cells_that_look_like_formulas_are_neutralised() {
    let db = TestDb::migrated().await;
    let desk = three(&db).await;
    let run = desk.run(&["export", "--format", "csv"]).code(0);
    let mut reader = csv::Reader::from_reader(run.out.as_bytes());
    assert_eq!(reader.headers().unwrap().get(5), Some("target_id"));
    let targets: Vec<String> =
        reader.records().map(|row| row.unwrap().get(5).unwrap().to_owned()).collect();
    assert_eq!(targets, ["'=cmd|calc", "'+1", "plain, \"quoted\""]);
}

#[tokio::test]
async fn filters_apply() {
    let db = TestDb::migrated().await;
    let desk = three(&db).await;
    let run = desk.run(&["export", "--format", "ndjson", "--since", "2026-01-02"]).code(0);
    assert_eq!(run.rows().len(), 3);
    desk.run(&["export", "--format", "ndjson", "--ip", "x"]).code(2).says("--ip");
}

#[tokio::test]
async fn a_file_is_private_complete_and_not_overwritten() {
    let db = TestDb::migrated().await;
    let desk = three(&db).await;
    let args = ["export", "--format", "ndjson", "--output", "out.ndjson"];
    desk.run(&args).code(0).says("wrote 3 records");
    let mode = fs::metadata(desk.path("out.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = fs::read(desk.path("out.ndjson")).unwrap();
    desk.run(&args).code(1).says("out.ndjson already exists").says("--force");
    assert_eq!(fs::read(desk.path("out.ndjson")).unwrap(), first);
    let mut forced = args.to_vec();
    forced.extend(["--force", "--json"]);
    let run = desk.run(&forced).code(0);
    assert_eq!(run.json(), json!({"file": "out.ndjson", "records": 3}));
    let run = desk.run(&["export", "--format", "csv", "--output", "no/such/dir.csv"]).code(1);
    run.says("no/such/dir.csv");
}

#[tokio::test]
async fn an_export_that_fails_leaves_no_file() {
    let db = TestDb::empty().await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["export", "--format", "csv", "--output", "out.csv"]).code(3);
    assert_eq!(fs::read_dir(desk.path("")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_export_can_be_imported_again() {
    let (one, two) = (TestDb::migrated().await, TestDb::migrated().await);
    let desk = three(&one).await;
    let exported = desk.run(&["export", "--format", "ndjson"]).code(0).out;
    let other = Desk::with(&two.url(&two.app()));
    let args = ["import", "--format", "ndjson", "-"];
    other.run_with_input(&args, exported.as_bytes()).code(0).prints("imported 3 records");
    assert_eq!(other.run(&["export", "--format", "ndjson"]).out, exported);
}
