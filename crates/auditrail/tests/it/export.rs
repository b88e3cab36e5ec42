//! `export`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::Sandbox;

async fn three(db: &TestDb) -> Sandbox {
    let sandbox = Sandbox::with(&db.url(&db.app()));
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
    let run = sandbox.run_with_input(&["import", "--format", "ndjson", "-"], lines.as_bytes());
    run.code(0);
    sandbox
}

#[tokio::test]
async fn manifest_matches_the_exported_lines() {
    let db = TestDb::migrated().await;
    let sandbox = three(&db).await;
    let run = sandbox.run(&["export", "--format", "ndjson"]).code(0);
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
async fn empty_export_is_complete() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let run = sandbox.run(&["export", "--format", "ndjson"]).code(0);
    assert_eq!(run.json()["auditrail_manifest"]["records"], 0);
    assert_eq!(run.json()["auditrail_manifest"]["first"], Value::Null);
    let run = sandbox.run(&["export", "--format", "csv"]).code(0);
    assert_eq!(run.out.lines().count(), 1);
}

#[tokio::test]
async fn csv_formulas_are_neutralised() {
    let db = TestDb::migrated().await;
    let sandbox = three(&db).await;
    let run = sandbox.run(&["export", "--format", "csv"]).code(0);
    let mut reader = csv::Reader::from_reader(run.out.as_bytes());
    assert_eq!(reader.headers().unwrap().get(5), Some("target_id"));
    let targets: Vec<String> =
        reader.records().map(|row| row.unwrap().get(5).unwrap().to_owned()).collect();
    assert_eq!(targets, ["'=cmd|calc", "'+1", "plain, \"quoted\""]);
}

#[tokio::test]
async fn csv_for_excel_has_a_byte_order_mark() {
    let db = TestDb::migrated().await;
    let sandbox = three(&db).await;
    let run = sandbox.run(&["export", "--format", "csv", "--bom"]).code(0);
    assert_eq!(run.out.matches('\u{feff}').count(), 1);
    assert!(run.out.starts_with("\u{feff}id,"), "{run:?}");
    let none = ["export", "--format", "csv", "--bom", "--since", "1s"];
    assert!(sandbox.run(&none).code(0).out.starts_with("\u{feff}id,"));
    assert!(sandbox.run(&["export", "--format", "csv"]).code(0).out.starts_with("id,"));
    sandbox.run(&["export", "--format", "ndjson", "--bom"]).code(2).stderr_has("CSV");
}

#[tokio::test]
async fn export_applies_filters() {
    let db = TestDb::migrated().await;
    let sandbox = three(&db).await;
    let run = sandbox.run(&["export", "--format", "ndjson", "--since", "2026-01-02"]).code(0);
    assert_eq!(run.rows().len(), 3);
    sandbox.run(&["export", "--format", "ndjson", "--ip", "x"]).code(2).stderr_has("--ip");
}

#[tokio::test]
async fn output_file_is_private_and_not_overwritten() {
    let db = TestDb::migrated().await;
    let sandbox = three(&db).await;
    let args = ["export", "--format", "ndjson", "--output", "out.ndjson"];
    sandbox.run(&args).code(0).stderr_has("wrote 3 records");
    let mode = fs::metadata(sandbox.path("out.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = fs::read(sandbox.path("out.ndjson")).unwrap();
    sandbox.run(&args).code(1).stderr_has("out.ndjson already exists").stderr_has("--force");
    assert_eq!(fs::read(sandbox.path("out.ndjson")).unwrap(), first);
    let mut forced = args.to_vec();
    forced.extend(["--force", "--json"]);
    let run = sandbox.run(&forced).code(0);
    assert_eq!(run.json(), json!({"file": "out.ndjson", "records": 3}));
    let run = sandbox.run(&["export", "--format", "csv", "--output", "no/such/dir.csv"]).code(1);
    run.stderr_has("no/such/dir.csv");
}

#[tokio::test]
async fn failed_export_leaves_no_file() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["export", "--format", "csv", "--output", "out.csv"]).code(3);
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}

#[tokio::test]
async fn export_round_trips_through_import() {
    let one = TestDb::migrated().await;
    let two = TestDb::migrated().await;
    let sandbox = three(&one).await;
    let exported = sandbox.run(&["export", "--format", "ndjson"]).code(0).out;
    let other = Sandbox::with(&two.url(&two.app()));
    let args = ["import", "--format", "ndjson", "-"];
    other.run_with_input(&args, exported.as_bytes()).code(0).stdout_has("imported 3 records");
    assert_eq!(other.run(&["export", "--format", "ndjson"]).out, exported);
}
