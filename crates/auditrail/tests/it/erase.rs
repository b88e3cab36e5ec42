//! `erase` and `hold`.

use auditrail_testkit::TestDb;
use serde_json::Value;

use crate::sandbox::Sandbox;

/// Two records of ana, one of them about bea, and one of bea that mentions ana.
async fn sandbox() -> (TestDb, Sandbox) {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    for (actor, target, metadata) in [
        ("user:ana", "project:p1", "{}"),
        ("user:ana", "user:bea", "{\"email\": \"ana@example.com\", \"n\": 1}"),
        ("user:bea", "project:p1", "{\"approved_by\": \"ana\"}"),
    ] {
        let log = ["log", "--actor", actor, "--action", "project.created", "--target", target];
        let rest = ["--ip", "10.0.0.1", "--metadata", metadata, "-q"];
        sandbox.run(&[&log[..], &rest].concat()).code(0);
    }
    sandbox.run(&["sequence", "--once"]).code(0);
    (db, sandbox)
}

fn records(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.run(&["query", "--action", "project.*", "--json"]).code(0).rows()
}

const ERASE: [&str; 7] =
    ["erase", "--actor", "user:ana", "--target", "user:ana", "--reason", "request 17"];

#[tokio::test]
async fn dry_run_counts_and_changes_nothing() {
    let (_db, sandbox) = sandbox().await;
    let before = records(&sandbox);
    sandbox.run(&[&ERASE[..], &["--dry-run"]].concat()).code(0).stdout_has("2 records");
    let plan = sandbox.run(&[&ERASE[..], &["--dry-run", "--json"]].concat()).code(0).json();
    assert_eq!((&plan["records"], &plan["held"]), (&2.into(), &0.into()));
    // Not without a confirmation.
    sandbox.run(&ERASE).code(2).stderr_has("add --yes");
    assert_eq!(records(&sandbox), before);
}

#[tokio::test]
async fn values_are_erased_and_mentions_elsewhere_are_listed() {
    let (_db, sandbox) = sandbox().await;
    let report = sandbox.run(&[&ERASE[..], &["--yes", "--json"]].concat()).code(0).json();
    assert_eq!((&report["records"], &report["altered"]), (&2.into(), &0.into()));
    let pseudonym = report["pseudonym"].as_str().unwrap();
    let after = records(&sandbox);
    let erased: Vec<&Value> =
        after.iter().filter(|record| record["actor_id"] == pseudonym).collect();
    assert_eq!(erased.len(), 2);
    assert!(erased.iter().all(|record| record["ip_address"].is_null()));
    // The metadata of the own record and that of another one.
    assert_eq!(report["elsewhere"].as_array().unwrap().len(), 2, "{report}");
    let of_erasure = sandbox.run(&["query", "--action", "audit_log.erased", "--json"]).rows();
    assert_eq!(of_erasure[0]["metadata"]["reason"], "request 17");
    let email = [
        "erase",
        "--actor",
        &format!("user:{pseudonym}"),
        "--field",
        "metadata.email",
        "--reason",
        "r",
    ];
    sandbox.run(&[&email[..], &["--yes"]].concat()).code(0).stdout_has("2 records");
    assert!(records(&sandbox).iter().all(|record| record["metadata"].get("email").is_none()));
}

#[tokio::test]
async fn hold_is_named_and_stops_the_erasure() {
    let (_db, sandbox) = sandbox().await;
    let create = ["hold", "create", "--name", "case-4", "--reason", "court"];
    sandbox.run(&create).code(2).stderr_has("--all");
    sandbox.run(&[&create[..], &["--q", "x"]].concat()).code(2).stderr_has("no filter on q");
    sandbox
        .run(&[&create[..], &["--target", "user:bea"]].concat())
        .code(0)
        .stdout_has("created case-4: target_id=bea target_type=user");
    let plan = sandbox.run(&[&ERASE[..], &["--dry-run"]].concat()).code(0);
    plan.stderr_has("1 record held by case-4");
    let held = sandbox.run(&[&ERASE[..], &["--yes"]].concat()).code(1);
    held.stderr_has("held by case-4").stderr_has("auditrail hold release");
    assert!(records(&sandbox).iter().any(|record| record["actor_id"] == "ana"));
    let listed = sandbox.run(&["hold", "list", "--json"]).code(0).rows();
    assert_eq!(listed[0]["name"], "case-4");
    sandbox.run(&["hold", "release", "other"]).code(1).stderr_has("hold list");
    sandbox.run(&["hold", "release", "case-4"]).code(0).stdout_has("released case-4");
    sandbox.run(&[&ERASE[..], &["--yes"]].concat()).code(0);
    assert!(records(&sandbox).iter().all(|record| record["actor_id"] != "ana"));
}

#[tokio::test]
async fn only_known_fields_and_people_are_erased() {
    let (db, sandbox) = sandbox().await;
    let unknown = ["erase", "--actor", "user:ana", "--field", "action", "--reason", "r", "--yes"];
    sandbox.run(&unknown).code(2).stderr_has("cannot erase \"action\"");
    sandbox.run(&["erase", "--reason", "r", "--yes"]).code(2);
    sandbox.run(&["erase", "--actor", "system", "--reason", "r", "--yes"]).code(2);
    for reason in ["", "a\nb"] {
        let reasonless = ["erase", "--actor", "user:ana", "--yes", "--reason", reason];
        sandbox.run(&reasonless).code(2).stderr_has("--reason");
        let hold = ["hold", "create", "--all", "--name", "case-4", "--reason", reason];
        sandbox.run(&hold).code(2).stderr_has("--reason");
        let hold = ["hold", "create", "--all", "--reason", "court", "--name", reason];
        sandbox.run(&hold).code(2).stderr_has("--name");
    }
    assert_eq!(records(&sandbox).len(), 3);
    let service = Sandbox::with(&db.url(&db.service()));
    service.run(&[&ERASE[..], &["--yes"]].concat()).code(1).stderr_has("only its owner erases");
}

#[tokio::test]
async fn retention_keeps_what_is_held_and_names_the_hold() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    for tenant in ["t1", "t2"] {
        let log =
            ["log", "--actor", "user:ana", "--action", "project.created", "--target", "project:p1"];
        let rest = ["--tenant", tenant, "--at", "2024-01-02T03:04:05Z", "-q"];
        sandbox.run(&[&log[..], &rest].concat()).code(0);
    }
    sandbox.run(&["retention", "set", "--keep", "400d"]).code(0);
    let hold = ["hold", "create", "--name", "case-4", "--reason", "court", "--tenant", "t1"];
    sandbox.run(&hold).code(0);
    let remove = ["retention", "run", "--yes", "--no-archive"];
    let tenants = || -> Vec<Value> {
        records(&sandbox).iter().map(|record| record["tenant_id"].clone()).collect()
    };
    // Records that transactions of other tests hide stay until a later run, and so do those that are not sealed yet.
    auditrail_testkit::eventually("the record of t2 is removed", async || {
        sandbox.run(&["sequence", "--once"]).code(0);
        sandbox.run(&remove).code(0).stderr_has("what these holds cover is kept: case-4");
        tenants() == ["t1"]
    })
    .await;
    sandbox.run(&["hold", "release", "case-4"]).code(0);
    auditrail_testkit::eventually("the record of t1 is removed", async || {
        sandbox.run(&remove).code(0);
        tenants().is_empty()
    })
    .await;
}
