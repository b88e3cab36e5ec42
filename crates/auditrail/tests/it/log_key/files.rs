//! The key file: where it is, and what is refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use auditrail_testkit::TestDb;
use serde_json::Value;

use crate::db::Private;
use crate::sandbox::Sandbox;
use crate::signing::{FILE, ORIGIN, is_secret};

const CREATE: [&str; 4] = ["log-key", "create", "--signing-key-file", FILE];

async fn sandbox() -> (TestDb, Sandbox) {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    (db, sandbox)
}

/// The records about signing keys, oldest first.
pub(super) fn changes(sandbox: &Sandbox) -> Vec<Value> {
    let args = ["query", "--json", "--limit", "100"];
    let mut rows = sandbox.run(&args).code(0).rows();
    rows.retain(|row| row["target_type"] == "signing_key");
    rows.reverse();
    rows
}

#[tokio::test]
async fn create_writes_a_secret_file_and_its_memory() {
    let (_db, sandbox) = sandbox().await;
    let run = sandbox.run(&CREATE).code(0).stderr_has("created the signing key signing.key");
    let secret = sandbox.text(FILE);
    let secret = secret.lines().find(|line| !line.starts_with('#')).unwrap();
    assert!(!run.out.contains(secret) && !run.err.contains(secret), "{run:?}");
    for name in [FILE, "signing.key.signed"] {
        assert!(is_secret(&sandbox.path(name)), "{name}");
    }
    let key = run.out.trim_end().to_owned();
    assert!(key.starts_with("auditrail/"), "{key}");
    let shown = sandbox.run(&["log-key", "show", "--signing-key-file", FILE]).code(0);
    let origin = key.split('+').next().unwrap();
    assert_eq!(shown.out, format!("{origin}: no checkpoint was signed\n{key}\n"));
    let changes = changes(&sandbox);
    assert_eq!(changes.len(), 1);
    let change = &changes[0];
    assert_eq!(change["action"], "audit_log.signing_key_created");
    assert_eq!((&change["actor_type"], &change["target_id"]), (&"user".into(), &origin.into()));
    assert!(change["actor_id"].as_str().unwrap().starts_with("cli:"), "{change}");
    assert_eq!(change["metadata"], serde_json::json!({"verifier_key": key}));
}

#[tokio::test]
async fn key_is_never_overwritten() {
    let (_db, sandbox) = sandbox().await;
    sandbox.run(&CREATE).code(0);
    let before = [sandbox.text(FILE), sandbox.text("signing.key.signed")];
    let sentence = "is already there; a signing key is never overwritten";
    sandbox.run(&CREATE).code(1).stderr_has(sentence);
    // Neither is the memory of a key that is missing, nor a key without its memory.
    fs::rename(sandbox.path(FILE), sandbox.path("away")).unwrap();
    sandbox.run(&CREATE).code(1).stderr_has("signing.key.signed is already there");
    fs::rename(sandbox.path("away"), sandbox.path(FILE)).unwrap();
    fs::rename(sandbox.path("signing.key.signed"), sandbox.path("away")).unwrap();
    sandbox.run(&CREATE).code(1).stderr_has("signing.key is already there");
    assert!(!sandbox.path("signing.key.signed").exists());
    fs::rename(sandbox.path("away"), sandbox.path("signing.key.signed")).unwrap();
    assert_eq!([sandbox.text(FILE), sandbox.text("signing.key.signed")], before);
    assert_eq!(changes(&sandbox).len(), 1);
}

#[tokio::test]
async fn name_and_actor_are_those_of_the_flags() {
    let (_db, sandbox) = sandbox().await;
    let more = ["--origin", ORIGIN, "--actor", "api_key:deploy", "--json"];
    let json = sandbox.run(&[&CREATE[..], &more].concat()).code(0).json();
    assert_eq!(json["origin"], ORIGIN);
    assert!(json["verifier_key"].as_str().unwrap().starts_with("log.example/audit+"), "{json}");
    let change = &changes(&sandbox)[0];
    assert_eq!((&change["actor_id"], &change["target_id"]), (&"deploy".into(), &ORIGIN.into()));
    for (flag, value, sentence) in [
        ("--origin", "two words", "the name of the log is not valid"),
        ("--origin", "a+b", "the name of the log is not valid"),
        ("--origin", "", "the name of the log is not valid"),
        ("--actor", "nonsense", "--actor"),
    ] {
        let args = ["log-key", "create", "--signing-key-file", "other.key", flag, value];
        sandbox.run(&args).code(2).stderr_has(sentence);
    }
    assert!(!sandbox.path("other.key").exists());
}

#[tokio::test]
async fn file_must_be_named_with_a_database_url() {
    let (_db, sandbox) = sandbox().await;
    for args in [
        &["log-key", "create"][..],
        &["log-key", "show"],
        &["log-key", "rotate"],
        &["log-key", "retire"],
        &["log-key", "recover", "--new-origin", "log.example/2"],
    ] {
        sandbox.run(args).code(2).stderr_has("--signing-key-file or AUDITRAIL_SIGNING_KEY_FILE");
    }
}

#[tokio::test]
async fn missing_key_is_an_error_with_the_next_step() {
    let (_db, sandbox) = sandbox().await;
    let sandbox = sandbox.set("AUDITRAIL_SIGNING_KEY_FILE", FILE);
    for args in [
        &["log-key", "show"][..],
        &["log-key", "rotate"],
        &["log-key", "retire"],
        &["log-key", "recover", "--new-origin", "log.example/2"],
        &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    ] {
        let run = sandbox.run(args).code(1).stderr_has("signing.key");
        run.stderr_has("auditrail log-key create");
    }
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0, "files are left");
    let run = sandbox.run(&["log-key", "show", "--json"]).code(1);
    assert_eq!(run.error_code(), "signing_key");
}

#[tokio::test]
async fn unusable_files_are_refused_without_showing_them() {
    let (_db, sandbox) = sandbox().await;
    let sandbox = sandbox.set("AUDITRAIL_SIGNING_KEY_FILE", FILE);
    sandbox.run(&["log-key", "create"]).code(0);
    let secret = sandbox.text(FILE);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let refused = |sentence: &str| {
        for args in [&["log-key", "show"][..], &["log-key", "rotate"], &serve] {
            let run = sandbox.run(args).code(1).stderr_has(sentence);
            let line = secret.lines().last().unwrap();
            assert!(!run.err.contains(&line[line.len() - 30..]), "{run:?}");
        }
    };
    fs::set_permissions(sandbox.path(FILE), Permissions::from_mode(0o640)).unwrap();
    refused("other users can read the signing key signing.key (mode 640); run `chmod 600`");
    fs::set_permissions(sandbox.path(FILE), Permissions::from_mode(0o600)).unwrap();
    fs::rename(sandbox.path("signing.key.signed"), sandbox.path("away")).unwrap();
    refused("signing.key.signed, is missing: what was signed before is not known");
    sandbox.file("signing.key.signed", "nonsense");
    refused("signing.key.signed, is not a checkpoint");
    sandbox.file(FILE, &secret[..secret.len() - 9]);
    refused("signing.key is not a signing key");
    sandbox.file(FILE, "# nothing\n");
    refused("the key file signing.key has no key");
}

#[test]
fn unreachable_database_changes_no_file() {
    let nowhere = "postgres://ana@127.0.0.1:1/nowhere";
    let sandbox = Sandbox::with(nowhere).set("AUDITRAIL_SIGNING_KEY_FILE", FILE);
    sandbox.run(&["log-key", "create", "--origin", ORIGIN]).code(6);
    assert!(!sandbox.path(FILE).exists() && !sandbox.path("signing.key.signed").exists());
    sandbox.run(&["log-key", "create"]).code(6);
    sandbox.run(&["log-key", "rotate"]).code(6);
}

#[test]
fn private_postgres_has_its_key_in_the_data_directory() {
    let private = Private::new();
    let sandbox = &private.0;
    let key = sandbox.run(&["log-key", "create"]).code(0).out;
    assert!(is_secret(&sandbox.path("data/signing.key")));
    assert_eq!(changes(sandbox).len(), 1);
    sandbox.run(&["log-key", "create"]).code(1).stderr_has("data/signing.key is already there");
    let rotated = sandbox.run(&["log-key", "rotate"]).code(0).out;
    let json = sandbox.run(&["log-key", "show", "--json"]).code(0).json();
    let keys = [rotated.trim_end(), key.trim_end()];
    assert_eq!(json["verifier_keys"], serde_json::json!(keys));
    assert_eq!((&json["size"], &json["file"]), (&0.into(), &"data/signing.key".into()));
    sandbox.run(&["log-key", "retire"]).code(0).stdout_has(&format!("retired {}", keys[1]));
    sandbox.run(&["log-key", "recover", "--new-origin", "log.example/2"]).code(0);
    let actions: Vec<_> = changes(sandbox).iter().map(|row| row["action"].clone()).collect();
    let expected = ["created", "rotated", "retired", "recovered"];
    assert_eq!(actions, expected.map(|name| format!("audit_log.signing_key_{name}")));
}

/// A file that may have come with a repository must not say what signs.
#[tokio::test]
async fn found_configuration_file_may_not_name_the_key() {
    let (_db, sandbox) = sandbox().await;
    sandbox.run(&CREATE).code(0);
    sandbox.file("auditrail.toml", "[server]\nsigning_key_file = \"signing.key\"\n");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    for args in [&["log-key", "show"][..], &["log-key", "rotate"], &serve] {
        sandbox.run(args).code(2).stderr_has("server.signing_key_file");
    }
    fs::rename(sandbox.path("auditrail.toml"), sandbox.path("named.toml")).unwrap();
    sandbox.run(&["log-key", "show", "--config", "named.toml"]).code(0);
}
