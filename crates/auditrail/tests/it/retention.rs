//! `retention` and `archive`.

use std::fs;

use auditrail_testkit::{TestDb, eventually};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::service::Service;

/// Two old records of t1, one of t2, and a young one.
async fn sandbox() -> (TestDb, Sandbox) {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    for (tenant, at) in [
        ("t1", "2024-01-02T03:04:05Z"),
        ("t1", "2024-01-03T03:04:05.000007Z"),
        ("t2", "2024-01-04T03:04:05Z"),
        ("t1", "2026-11-01T03:04:05Z"),
    ] {
        sandbox
            .run(&[
                "log",
                "--actor",
                "user:ana",
                "--action",
                "project.created",
                "--target",
                "project:p1",
                "--tenant",
                tenant,
                "--at",
                at,
                "-q",
            ])
            .code(0);
    }
    // Records that transactions of other tests in this cluster hide stay until the next run, so wait for none.
    (db, sandbox)
}

fn actions(sandbox: &Sandbox) -> Vec<String> {
    let rows = sandbox.run(&["query", "--json", "--limit", "100"]).code(0).rows();
    rows.iter().rev().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rules_are_set_listed_and_removed() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    sandbox.run(&["retention", "list"]).code(0).stderr_has("every record is kept for ever");
    sandbox
        .run(&["retention", "set", "--keep", "400d"])
        .code(0)
        .stdout_has("all records are kept for 400 days");
    let set = ["retention", "set", "--tenant", "t1", "--action", "secret.*", "--keep", "forever"];
    let rule = sandbox.run(&[&set[..], &["--json"]].concat()).code(0).json();
    assert_eq!((&rule["tenant_id"], &rule["action"]), (&"t1".into(), &"secret.*".into()));
    assert_eq!(rule["keep_days"], Value::Null);
    sandbox.run(&set).code(0).stdout_has("unchanged: rule");
    sandbox.run(&["retention", "list"]).code(0).stdout_has("for ever").stdout_has("for 400 days");
    assert_eq!(sandbox.run(&["retention", "list", "--json"]).code(0).rows().len(), 2);
    let id = rule["id"].as_str().unwrap();
    sandbox.run(&["retention", "remove", id]).code(0).stdout_has(id);
    let again = sandbox.run(&["retention", "remove", id, "--json"]).code(1);
    assert_eq!(again.error_code(), "unknown_rule");
    let expected = [
        "audit_log.retention_rule_set",
        "audit_log.retention_rule_set",
        "audit_log.retention_rule_removed",
    ];
    assert_eq!(actions(&sandbox), expected);
}

#[test]
fn invalid_rules_name_every_flag() {
    let sandbox = Sandbox::with("postgres://localhost:1/none");
    let run = sandbox.run(&[
        "retention",
        "set",
        "--tenant",
        "",
        "--action",
        "*",
        "--keep",
        "6d",
        "--actor",
        "ana",
    ]);
    let run = run.code(2);
    for flag in ["--tenant", "--action", "--keep", "--actor"] {
        assert!(run.err.contains(flag), "{run:?}");
    }
}

#[tokio::test]
async fn run_needs_yes_and_shows_what_it_would_remove() {
    let (_db, sandbox) = sandbox().await;
    sandbox.run(&["retention", "run", "--dry-run"]).code(0).stderr_has("no rule removes records");
    sandbox.run(&["retention", "set", "--tenant", "t1", "--keep", "400d", "-q"]).code(0);
    sandbox.run(&["retention", "run"]).code(2).stderr_has("add --yes");
    let dry = sandbox.run(&["retention", "run", "--dry-run"]).code(0);
    dry.stdout_has("project.created").stdout_has("2024-01-02T03:04:05Z").stderr_has("2 records");
    let plan = sandbox.run(&["retention", "run", "--dry-run", "--json"]).code(0).json();
    let group = &plan["tables"][0]["removed"][0];
    assert_eq!((&group["records"], &group["tenant_id"]), (&json!(2), &"t1".into()));
    assert_eq!(group["newest"], "2024-01-03T03:04:05.000007Z");

    sandbox
        .run(&["retention", "run", "--yes", "--actor", "user:eve"])
        .code(0)
        .stdout_has("removed 2 records");
    let rows = sandbox.run(&["query", "--json"]).code(0).rows();
    let kept: Vec<&Value> = rows
        .iter()
        .filter(|row| row["action"] == "project.created")
        .map(|row| &row["tenant_id"])
        .collect();
    assert_eq!(kept, ["t1", "t2"]);
    let record = rows.iter().find(|row| row["action"] == "audit_log.retention_run").unwrap();
    assert_eq!((&record["actor_id"], &record["metadata"]["records"]), (&"eve".into(), &json!(2)));
    sandbox.run(&["retention", "run", "--yes"]).code(0).stdout_has("removed 0 records");
}

#[tokio::test]
async fn service_role_is_refused() {
    let (db, _) = sandbox().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    sandbox.run(&["retention", "set", "--keep", "400d"]).code(0);
    for args in
        [&["retention", "run", "--yes", "--json"][..], &["retention", "run", "--dry-run", "--json"]]
    {
        let run = sandbox.run(args).code(1).stderr_has("does not own control_plane.audit_logs");
        assert_eq!(run.error_code(), "not_owner");
    }
    let left = sandbox.run(&["query", "--action", "project.created", "--json"]).rows();
    assert_eq!(left.len(), 4);
}

#[tokio::test]
async fn archives_are_listed_verified_and_restored_elsewhere() {
    let (_db, sandbox) = sandbox().await;
    let before = sandbox.run(&["query", "--until", "2025-01-01", "--json"]).code(0).out;
    sandbox.run(&["retention", "set", "--keep", "400d", "-q"]).code(0);
    fs::create_dir(sandbox.path("archives")).unwrap();
    let run = ["retention", "run", "--yes", "--archive-dir", "archives"];
    sandbox.run(&run).code(0).stdout_has("removed 3 records, in ");
    assert_eq!(sandbox.run(&["query", "--until", "2025-01-01", "--json"]).code(0).out, "");

    let listed = sandbox.run(&["archive", "list", "archives", "--json"]).code(0).rows();
    let records: u64 = listed.iter().map(|line| line["records"].as_u64().unwrap()).sum();
    assert_eq!(records, 3);
    let name = listed[0]["name"].as_str().unwrap().to_owned();
    sandbox.run(&["archive", "list", "archives"]).code(0).stdout_has(&name);
    let verified = sandbox.run(&["archive", "verify", "archives", &name, "--json"]).code(0).rows();
    let record = sandbox.run(&["query", "--action", "audit_log.retention_run", "--json"]).rows();
    let archives = record[0]["metadata"]["archives"].as_array().unwrap();
    assert!(archives.iter().any(|one| one["manifest_sha256"] == verified[0]["manifest_sha256"]));

    // Not into the log that the records left.
    let refused = sandbox.run(&["archive", "restore", "archives", "--all", "--json"]).code(1);
    assert_eq!(refused.error_code(), "archive_of_this_log");
    let other = TestDb::migrated().await;
    let case = Sandbox::with(&other.url(&other.service()));
    let dir = sandbox.path("archives").display().to_string();
    case.run(&["archive", "restore", &dir, "--all"]).code(0).stdout_has("restored 3 records");
    case.run(&["archive", "restore", &dir, &name]).code(0).stdout_has("present before");
    assert_eq!(case.run(&["query", "--until", "2025-01-01", "--json"]).code(0).out, before);
}

fn keep_400_days(sandbox: &Sandbox, tenant: &str) {
    sandbox.run(&["retention", "set", "--tenant", tenant, "--keep", "400d", "-q"]).code(0);
}

fn files(sandbox: &Sandbox, dir: &str) -> usize {
    fs::read_dir(sandbox.path(dir)).unwrap().count()
}

#[tokio::test]
async fn run_archives_where_the_service_does() {
    let (_db, sandbox) = sandbox().await;
    let service = sandbox.set("AUDITRAIL_ARCHIVE_DIR", "archives");
    for dir in ["archives", "other"] {
        fs::create_dir(service.path(dir)).unwrap();
    }
    keep_400_days(&service, "t1");
    let dry = ["retention", "run", "--dry-run"];
    service.run(&dry).code(0).stderr_has("2 records would be archived in archives and removed");
    let plan = service.run(&[&dry[..], &["--json"]].concat()).code(0).json();
    assert_eq!(plan["archive_dir"], "archives");
    assert_eq!(plan["tables"][0]["removed"][0]["records"], 2);
    service.run(&[&dry[..], &["--no-archive"]].concat()).code(0).stderr_has("without an archive");
    let both = [&dry[..], &["--no-archive", "--archive-dir", "other"]].concat();
    service.run(&both).code(2).stderr_has("cannot be used with");
    let run = ["retention", "run", "--yes"];
    service.run(&run).code(0).stdout_has("removed 2 records, in 1 archive in archives");
    assert_eq!((files(&service, "archives"), files(&service, "other")), (2, 0));

    keep_400_days(&service, "t2");
    let flag = [&run[..], &["--archive-dir", "other"]].concat();
    service.run(&flag).code(0).stdout_has("removed 1 record, in 1 archive in other");
    assert_eq!((files(&service, "archives"), files(&service, "other")), (2, 2));
}

#[tokio::test]
async fn missing_archive_directory_of_the_service_keeps_the_records() {
    let (_db, sandbox) = sandbox().await;
    let service = sandbox.set("AUDITRAIL_ARCHIVE_DIR", "gone");
    keep_400_days(&service, "t1");
    let run = ["retention", "run", "--yes"];
    service.run(&run).code(1).stderr_has("cannot open gone").stderr_has("--no-archive");
    let without = [&run[..], &["--no-archive"]].concat();
    service.run(&without).code(0).stdout_has("removed 2 records");
}

#[tokio::test]
async fn damaged_archive_exits_with_4() {
    let (_db, sandbox) = sandbox().await;
    sandbox.run(&["retention", "set", "--keep", "400d", "-q"]).code(0);
    fs::create_dir(sandbox.path("archives")).unwrap();
    sandbox.run(&["retention", "run", "--yes", "--archive-dir", "archives"]).code(0);
    let listed = sandbox.run(&["archive", "list", "archives", "--json"]).code(0).rows();
    let lines =
        sandbox.path(&format!("archives/{}.ndjson.zst", listed[0]["name"].as_str().unwrap()));
    let mut bytes = fs::read(&lines).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&lines, bytes).unwrap();
    let run = sandbox.run(&["archive", "verify", "archives"]).code(4);
    run.stderr_has("is not a valid archive").stderr_has("1 archive");
    let other = TestDb::migrated().await;
    let case = Sandbox::with(&other.url(&other.service()));
    let dir = sandbox.path("archives").display().to_string();
    case.run(&["archive", "restore", &dir, "--all"]).code(4);
    assert_eq!(case.run(&["query", "--json"]).code(0).out, "");

    sandbox.run(&["archive", "verify", "archives", "../x"]).code(2).stderr_has("NAME");
    sandbox.run(&["archive", "list", "missing"]).code(1).stderr_has("cannot open missing");
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["archive", "verify", "empty"]).code(1).stderr_has("no archives in empty");
    let missing = ["retention", "run", "--yes", "--archive-dir", "missing"];
    sandbox.run(&missing).code(1).stderr_has("cannot open missing");
}

/// The names of the background tasks of a service, once its last one has run.
async fn tasks(sandbox: &Sandbox) -> String {
    let service = Service::start(sandbox, &[]);
    let mut metrics = String::new();
    eventually("a run of the task for partitions", async || {
        metrics = service.metrics().await;
        metrics.contains("task=\"partitions\",result=\"succeeded\"} 1")
    })
    .await;
    let (code, log) = service.stop();
    assert_eq!(code, Some(0), "{log}");
    metrics
}

#[tokio::test]
async fn serve_has_the_task_unless_it_is_switched_off() {
    let (_db, sandbox) = sandbox().await;
    sandbox.run(&["retention", "set", "--keep", "400d", "-q"]).code(0);
    // The first run comes minutes later.
    assert!(tasks(&sandbox).await.contains("task=\"retention\",result=\"succeeded\"} 0"));
    let off = sandbox.set("AUDITRAIL_ARCHIVE_DIR", "gone");
    let (_, log) = Service::start(&off, &[]).stop();
    assert!(log.contains("until the archive directory can be opened"), "{log}");
    let off = off.set("AUDITRAIL_RETENTION", "false");
    assert!(!tasks(&off).await.contains("task=\"retention\""));
    let left = off.run(&["query", "--action", "project.created", "--json"]).rows();
    assert_eq!(left.len(), 4);
}

#[test]
fn a_file_that_was_only_found_cannot_name_the_archive_directory() {
    let sandbox = Sandbox::with("postgres://localhost:1/none");
    sandbox.file("auditrail.toml", "[server]\narchive_dir = \"archives\"\n");
    sandbox.run(&["config", "show"]).code(2).stderr_has("server.archive_dir");
    let named = ["config", "show", "--json", "--config", "auditrail.toml"];
    let settings = sandbox.run(&named).code(0).json();
    let settings = settings["settings"].as_array().unwrap().clone();
    let shown = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap().clone();
    assert_eq!(shown("server.archive_dir")["value"], "archives");
    assert_eq!(shown("server.archive_dir")["env"], "AUDITRAIL_ARCHIVE_DIR");
    assert_eq!(shown("server.retention")["value"], "true");
}
