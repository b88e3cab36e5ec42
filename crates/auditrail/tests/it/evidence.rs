//! `evidence export`, and `verify pack` of what it wrote, without the database.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use support::{log, remove, write};

const EXPORT: [&str; 6] = ["evidence", "export", "--policy", "policy", "-o", "case.zip"];
const VERIFY: [&str; 4] = ["verify", "pack", "--policy", "policy"];

/// A sandbox without the database, with the policy and the pack of another one.
fn offline(sandbox: &Sandbox) -> Sandbox {
    let offline = Sandbox::with("postgres://none@127.0.0.1:1/none");
    offline.file("policy", sandbox.text("policy"));
    offline.file("case.zip", std::fs::read(sandbox.path("case.zip")).unwrap());
    offline
}

/// Exports, and verifies the pack without the database, in Rust and in Python. The JSON of both.
fn exported(sandbox: &Sandbox, args: &[&str]) -> (Value, Value) {
    let export = sandbox.run(&[&EXPORT, args, &["--json"]].concat()).code(0).json();
    let offline = offline(sandbox);
    let verified = offline.run(&[&VERIFY[..], &["case.zip", "--json"]].concat()).code(0).json();
    for member in ["records", "left", "from_seq", "to_seq", "complete"] {
        assert_eq!(export[member], verified[member], "{member}");
    }
    python(&offline);
    std::fs::remove_file(sandbox.path("case.zip")).unwrap();
    (export, verified)
}

/// Verifies the pack by the script in it. Skipped without Python.
fn python(sandbox: &Sandbox) {
    let script = "import zipfile; zipfile.ZipFile('case.zip').extract('auditrail_verify.py')";
    let run = |args: &[&str]| {
        let dir = sandbox.path("case.zip");
        Command::new("python3").arg("-B").args(args).current_dir(dir.parent().unwrap()).output()
    };
    match run(&["-c", script]) {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => return eprintln!("skipped: there is no python3"),
    }
    let output = run(&["auditrail_verify.py", "policy", "case.zip"]).unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn exported_packs_are_verified_without_the_database() {
    let db = TestDb::migrated().await;
    write(&db, 1, 700).await;
    let sandbox = log(&db).await;
    // Records after the checkpoint are not in the pack.
    write(&db, 700, 710).await;
    db.sequence().await;
    let (_, whole) = exported(&sandbox, &[]);
    assert_eq!((&whole["records"], &whole["to_seq"]), (&json!(699), &json!(698)));
    assert_eq!((&whole["complete"], &whole["left"]), (&json!(true), &json!(0)));
    let (_, part) = exported(&sandbox, &["--from-seq", "300", "--to-seq", "550"]);
    assert_eq!((&part["records"], &part["complete"]), (&json!(251), &json!(true)));
    let (_, tenant) = exported(&sandbox, &["--tenant-id", "t1", "--from-seq", "10"]);
    assert_eq!((&tenant["records"], &tenant["complete"]), (&json!(172), &json!(false)));
    assert_eq!(tenant["filters"], json!([["tenant_id", "t1"]]));
    let (_, none) = exported(&sandbox, &["--tenant-id", "nothing"]);
    assert_eq!((&none["records"], &none["size"]), (&json!(0), &json!(699)));
    let (_, all) = exported(&sandbox, &["--intents", "all"]);
    assert_eq!(all["complete"], true);
}

#[tokio::test]
async fn withheld_values_are_not_in_the_pack() {
    let db = TestDb::migrated().await;
    write(&db, 1, 20).await;
    let sandbox = log(&db).await;
    let args = ["--withhold", "metadata,actor_id", "--actor-id", "u7", "--metadata", "n=x"];
    let (_, pack) = exported(&sandbox, &args);
    assert_eq!(pack["filters"], json!([["actor_id", null], ["metadata", null]]));
    let (_, pack) = exported(&sandbox, &["--withhold", "metadata,actor_id", "--q", "u7"]);
    assert_eq!(pack["filters"], json!([["q", null]]));
    assert_eq!(pack["withheld"], json!({"actor_id": 1, "metadata": 1}));
    sandbox.run(&[&EXPORT[..], &["--withhold", "actor"]].concat()).code(2).stderr_has("actor_type");
}

#[tokio::test]
async fn records_that_left_are_listed() {
    let db = TestDb::migrated().await;
    write(&db, 1, 400).await;
    let sandbox = log(&db).await;
    remove(&db, &[3, 300, 399]).await;
    let (_, pack) = exported(&sandbox, &[]);
    assert_eq!((&pack["records"], &pack["left"]), (&json!(396), &json!(3)));
    let (_, pack) = exported(&sandbox, &["--outcome", "success"]);
    assert_eq!(pack["left"], 0);
}

#[tokio::test]
async fn older_packs_stay_valid_after_an_erasure_and_new_ones_show_it() {
    let db = TestDb::migrated().await;
    write(&db, 1, 300).await;
    let sandbox = log(&db).await;
    sandbox.run(&EXPORT).code(0);
    let before = offline(&sandbox);
    std::fs::remove_file(sandbox.path("case.zip")).unwrap();
    let owner = Sandbox::with(&db.url(&db.owner()));
    let erase = ["erase", "--actor", "user:u7", "--reason", "request 17", "--yes"];
    owner.run(&erase).code(0).stdout_has("1 record;");
    before.run(&[&VERIFY[..], &["case.zip"]].concat()).code(0);
    let (_, pack) = exported(&sandbox, &[]);
    assert_eq!((&pack["records"], &pack["complete"]), (&json!(299), &json!(true)));
    assert_eq!(
        pack["erased"],
        json!({"actor_id": 1, "actor_name": 1, "ip_address": 1, "user_agent": 1})
    );
}

#[tokio::test]
async fn altered_record_ends_the_export() {
    let db = TestDb::migrated().await;
    write(&db, 1, 300).await;
    let sandbox = log(&db).await;
    support::alter(&db, 290).await;
    let run = sandbox.run(&EXPORT).code(4);
    run.stderr_has("record 00000000-0000-0000-0000-000000000122 is not the one")
        .stderr_has("entry 289");
    // Nothing is left behind.
    let files = std::fs::read_dir(sandbox.path("policy").parent().unwrap()).unwrap();
    assert_eq!(files.count(), 1);
    exported(&sandbox, &["--to-seq", "288"]);
}

#[tokio::test]
async fn pack_replaces_no_file_and_is_private() {
    let db = TestDb::migrated().await;
    write(&db, 1, 10).await;
    let sandbox = log(&db).await;
    sandbox
        .run(&EXPORT)
        .code(0)
        .stderr_has("wrote 9 records from seq 0 to 8 (complete) to case.zip");
    let path = sandbox.path("case.zip");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    sandbox.run(&EXPORT).code(1).stderr_has("case.zip already exists");
    let offline = offline(&sandbox);
    let run = offline.run(&[&VERIFY[..], &["case.zip"]].concat()).code(0);
    run.stdout_has("case.zip: valid\n").stdout_has("complete: every seq from 0 to 8 is there");
}

#[tokio::test]
async fn export_without_a_checkpoint_or_under_other_keys_is_refused() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    sandbox.file("policy", support::policy(2));
    sandbox.run(&EXPORT).code(1).stderr_has("no signed checkpoint yet");
    write(&db, 1, 10).await;
    let signed = log(&db).await;
    sandbox.run(&EXPORT).code(4).stderr_has("not valid under the policy");
    for (args, part) in
        [(["--to-seq", "9"], "has seq 8"), (["--from-seq", "9"], "--from-seq 9 is after")]
    {
        signed.run(&[&EXPORT[..], &args].concat()).code(2).stderr_has(part);
    }
}

#[tokio::test]
async fn invalid_packs_are_named_and_the_others_are_verified() {
    let db = TestDb::migrated().await;
    write(&db, 1, 10).await;
    let sandbox = log(&db).await;
    sandbox.run(&EXPORT).code(0);
    let offline = offline(&sandbox);
    offline.file("cut.zip", &std::fs::read(sandbox.path("case.zip")).unwrap()[..500]);
    offline.file("none.zip", "");
    let files = ["cut.zip", "case.zip", "none.zip"];
    let run = offline.run(&[&VERIFY[..], &files].concat()).code(4);
    assert!(run.out.starts_with("case.zip: valid\n"), "{run:?}");
    let run = run.stderr_has("cut.zip: not valid: it is not a ZIP file, or was cut short");
    run.stderr_has("2 of 3 packs not valid");
    let rows = offline.run(&[&VERIFY[..], &files, &["--json"]].concat()).code(4).rows();
    let valid: Vec<&Value> = rows.iter().map(|row| &row["valid"]).collect();
    assert_eq!(valid, [&json!(false), &json!(true), &json!(false)]);
    offline.run(&[&VERIFY[..], &["missing.zip"]].concat()).code(1).stderr_has("missing.zip");
    offline.run(&[&VERIFY[..], &["."]].concat()).code(1);
    // The policy in the pack is not used.
    offline.file("policy", support::policy(2));
    let run = offline.run(&[&VERIFY[..], &["case.zip"]].concat()).code(4);
    run.stderr_has("there is no signature by example.com/log");
}
