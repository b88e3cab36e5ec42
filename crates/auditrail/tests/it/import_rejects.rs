//! `import --rejects`: the file can be corrected and imported.

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use crate::import::{counts, line, lines};
use crate::sandbox::Sandbox;

#[tokio::test]
async fn corrected_rejects_are_imported() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let bad = line(7).replace("\"user\"", "\"robot\"");
    sandbox.file("a.ndjson", lines(0..3) + &bad + "{\"cut\n" + &line(4));
    let import = |args: &[&str]| sandbox.run(&[&["import", "--json", "--format"], args].concat());
    let run = import(&["ndjson", "--rejects", "bad.ndjson", "a.ndjson"]).code(1);
    let run = run.stderr_has("correct the lines in the file of --rejects");
    assert_eq!(counts(&run.json()), (4, 0, 2));
    assert_eq!(sandbox.text("bad.ndjson"), format!("{bad}{{\"cut\n"));
    let again = import(&["ndjson", "--rejects", "again.ndjson", "bad.ndjson"]).code(1);
    assert_eq!(counts(&again.json()), (0, 0, 2));
    assert_eq!(sandbox.text("again.ndjson"), sandbox.text("bad.ndjson"));
    sandbox.file("bad.ndjson", bad.replace("robot", "user"));
    assert_eq!(counts(&import(&["ndjson", "bad.ndjson"]).code(0).json()), (1, 0, 0));
    // Correcting the input as well writes nothing twice.
    sandbox.file("a.ndjson", lines(0..3) + &line(7) + &line(4));
    assert_eq!(counts(&import(&["ndjson", "a.ndjson"]).code(0).json()), (0, 5, 0));
    let run = import(&["ndjson", "bad.ndjson.reasons"]).code(0);
    run.stderr_has("is a file of reasons that --rejects wrote; it was skipped");
}

#[tokio::test]
async fn rejected_cloudtrail_events_are_one_per_line() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let event = |name: &str| {
        json!({
            "userIdentity": {"type": "IAMUser", "userName": "ann"}, "eventName": name,
            "eventTime": "2026-01-01T00:00:00Z", "eventSource": "iam.amazonaws.com",
        })
    };
    let broken = json!({"eventName": "X", "requestParameters": {"text": "a b"}});
    let document = json!({"Records": [event("A"), broken, 5, event("B")]});
    sandbox.file("a.json", serde_json::to_string_pretty(&document).unwrap().replace('\n', "\r\n"));
    let import = |args: &[&str]| {
        sandbox.run(&[&["import", "--json", "--format", "cloudtrail"], args].concat())
    };
    let run = import(&["--rejects", "bad.ndjson", "a.json"]).code(1);
    assert_eq!(counts(&run.json()), (2, 0, 2));
    let rejects = sandbox.text("bad.ndjson");
    let rejected: Vec<Value> = rejects.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rejected, [broken.clone(), json!(5)]);
    let mut corrected = event("X");
    corrected["requestParameters"] = broken["requestParameters"].clone();
    sandbox.file("bad.ndjson", corrected.to_string());
    assert_eq!(counts(&import(&["bad.ndjson"]).code(0).json()), (1, 0, 0));
    // The same events on one line each have the same ids.
    let all = [event("A"), corrected, event("B")].map(|event| format!("{event}\n")).concat();
    sandbox.file("all.ndjson", all);
    assert_eq!(counts(&import(&["all.ndjson"]).code(0).json()), (0, 3, 0));
}

#[tokio::test]
async fn reject_files_are_not_overwritten() {
    let sandbox = Sandbox::with("postgres://absent@127.0.0.1:1/nowhere");
    sandbox.file("a.ndjson", "no\n");
    sandbox.file("r.ndjson.reasons", "kept");
    let args = ["import", "--format", "ndjson", "--dry-run", "--rejects", "r.ndjson", "a.ndjson"];
    sandbox.run(&args).code(1).stderr_has("r.ndjson.reasons already exists");
    assert_eq!(sandbox.text("r.ndjson.reasons"), "kept");
    assert!(!sandbox.path("r.ndjson").exists());
    sandbox.file("logs/a.ndjson", "no\n");
    let args = ["import", "--format", "ndjson", "--dry-run", "-r", "logs", "--rejects"];
    let run = sandbox.run(&[&args[..], &["logs/bad.ndjson"]].concat());
    run.code(2).stderr_has("logs/bad.ndjson is in logs, which is imported");
    sandbox.run(&[&args[..], &["bad.ndjson"]].concat()).code(1);
}
