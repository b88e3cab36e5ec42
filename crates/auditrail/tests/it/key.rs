//! `key` and `migrate grants`.

use std::process::Command;

use auditrail_core::ApiKeySecret;
use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::sandbox::{Run, Sandbox};

async fn sandbox() -> (TestDb, Sandbox) {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    (db, sandbox)
}

fn create(sandbox: &Sandbox, more: &[&str]) -> Run {
    let mut args = vec!["key", "create", "--scope", "write"];
    args.extend(more);
    sandbox.run(&args)
}

fn id(created: &Run) -> String {
    created.json()["id"].as_str().unwrap().to_owned()
}

/// The records of changes, oldest first.
fn records(sandbox: &Sandbox) -> Vec<Value> {
    let mut rows = sandbox.run(&["query", "--json"]).code(0).rows();
    rows.reverse();
    rows
}

#[tokio::test]
async fn secret_is_printed_once_and_not_stored() {
    let (db, sandbox) = sandbox().await;
    let run = create(&sandbox, &["--name", "billing"]).code(0);
    let run = run.stderr_has("created API key").stderr_has("shown only once");
    let key: ApiKeySecret = run.out.trim_end().parse().unwrap();
    assert_eq!(run.out, format!("{}\n", key.expose()));

    let listed = sandbox.run(&["key", "list"]).code(0).stdout_has("billing").stdout_has("active");
    let listed = listed.stdout_has(&key.to_string());
    let rows = sandbox.run(&["key", "list", "--json"]).code(0);
    let id = rows.rows()[0]["id"].as_str().unwrap().to_owned();
    let revoked = sandbox.run(&["key", "revoke", &id]).code(0);
    let mut service = db.connect(db.service()).await;
    let stored: Vec<String> = sqlx::query_scalar(
        "select k::text || ' ' || encode(hash, 'escape') from control_plane.audit_api_keys k
         union all select l::text from control_plane.audit_logs l",
    )
    .fetch_all(&mut service)
    .await
    .unwrap();
    assert_eq!(stored.len(), 3);
    let hash = key.hash().to_string();
    assert!(stored.iter().any(|row| row.contains(&hash)), "{stored:?}");

    let secret = &key.expose()[key.hint().as_str().len()..];
    let places = [&run.err, &listed.out, &listed.err, &rows.out, &rows.err, &revoked.out];
    for place in places.into_iter().chain([&revoked.err]).chain(&stored) {
        for part in secret.as_bytes().windows(6) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!place.contains(part), "{part} in {place}");
        }
    }
}

#[tokio::test]
async fn create_prints_one_json_document() {
    let (_db, sandbox) = sandbox().await;
    let run = create(
        &sandbox,
        &[
            "--scope",
            "export",
            "--tenant",
            "t1",
            "--name",
            "month end",
            "--expires",
            "2999-01-02T03:04:05Z",
            "--env",
            "test",
            "--json",
        ],
    );
    let document = run.code(0).json();
    let key: ApiKeySecret = document["key"].as_str().unwrap().parse().unwrap();
    assert_eq!(key.env().as_str(), "test");
    let listed = sandbox.run(&["key", "list", "--json"]).code(0).rows();
    let [row] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(
        document,
        json!({
            "id": row["id"], "key": key.expose(), "scopes": ["write", "export"],
            "tenant_id": "t1", "name": "month end",
            "expires_at": "2999-01-02T03:04:05.000000Z", "created_at": row["created_at"],
        })
    );
    assert_eq!(row["hint"], key.hint().as_str());
    assert_eq!(row["revoked_at"], Value::Null);
    let plain = create(&sandbox, &["--json"]).code(0).json();
    assert_eq!((&plain["tenant_id"], &plain["name"]), (&Value::Null, &Value::Null));
    assert_eq!(plain["expires_at"], Value::Null);
}

#[tokio::test]
async fn revoke_is_recorded_and_idempotent() {
    let (_db, sandbox) = sandbox().await;
    let id = id(&create(&sandbox, &["--json", "--tenant", "t1"]).code(0));
    sandbox.run(&["key", "revoke", &id]).code(0).stdout_has(&format!("revoked {id}"));
    let run = sandbox.run(&["key", "revoke", &id, "--json"]).code(0).stderr_has("already revoked");
    assert_eq!(run.json()["id"], id);
    assert!(run.json()["revoked_at"].is_string());
    sandbox.run(&["key", "list"]).code(0).stdout_has("revoked");
    let records = records(&sandbox);
    let actions: Vec<&Value> = records.iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["key.created", "key.revoked"]);
    for record in &records {
        assert_eq!((&record["target_type"], &record["target_id"]), (&"api_key".into(), &json!(id)));
        assert_eq!(record["tenant_id"], "t1");
    }
}

#[tokio::test]
async fn actor_defaults_to_the_login_name() {
    let (db, _) = sandbox().await;
    let sandbox =
        Sandbox::with(&db.url(&db.service())).set("USER", "mallory").set("LOGNAME", "mallory");
    let login = Command::new("id").arg("-un").output().unwrap().stdout;
    let login = String::from_utf8(login).unwrap();
    let id = id(&create(&sandbox, &["--json"]).code(0));
    sandbox.run(&["key", "revoke", &id, "--actor", "system"]).code(0);
    let records = records(&sandbox);
    assert_eq!(records[0]["actor_type"], "user");
    assert_eq!(records[0]["actor_id"], format!("cli:{}", login.trim_end()));
    assert_eq!(records[1]["actor_type"], "system");
    let by = &sandbox.run(&["key", "list", "--json"]).rows()[0]["created_by"];
    assert_eq!(by, &format!("user:cli:{}", login.trim_end()));
}

#[tokio::test]
async fn unknown_key_exits_with_1() {
    let (_db, sandbox) = sandbox().await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let run = sandbox.run(&["key", "revoke", unknown, "--json"]).code(1);
    assert_eq!((run.error_code().as_str(), run.out.as_str()), ("unknown_key", ""));
    sandbox.run(&["key", "revoke", unknown]).code(1).stderr_has("key list");
    sandbox.run(&["key", "list"]).code(0).stderr_has("no API keys");
    assert_eq!(sandbox.run(&["key", "list", "--json"]).code(0).out, "");
}

#[test]
fn create_reports_all_invalid_flags() {
    let sandbox = Sandbox::with("postgres://absent@127.0.0.1:1/x");
    let run = create(
        &sandbox,
        &[
            "--scope",
            "root",
            "--tenant",
            "",
            "--name",
            "a\nb",
            "--expires",
            "soon",
            "--env",
            "Live",
            "--actor",
            "ana",
        ],
    );
    let run = run.code(2).stderr_has("6 invalid values");
    for flag in ["--scope", "--tenant", "--name", "--expires", "--env", "--actor"] {
        assert!(run.err.contains(&format!("\n  {flag}: ")), "no {flag} in {run:?}");
    }
    create(&sandbox, &["--expires", "0d"]).code(2).stderr_has("--expires: must be in the future");
    sandbox.run(&["key", "create"]).code(2).stderr_has("--scope");
    sandbox.run(&["key", "revoke"]).code(2).stderr_has("ID");
    let key = "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP";
    for more in [&[][..], &["--json"]] {
        let mut args = vec!["key", "revoke", key];
        args.extend(more);
        let run = sandbox.run(&args).code(2).stderr_has("ID: must be a UUID");
        assert!(!run.err.contains("0029sS"), "{run:?}");
    }
}

#[tokio::test]
async fn key_errors_have_distinct_exit_codes() {
    let (db, _) = sandbox().await;
    for role in [db.app(), db.reader()] {
        let sandbox = Sandbox::with(&db.url(&role));
        let run = create(&sandbox, &["--json"]).code(1);
        assert_eq!((run.error_code().as_str(), run.out.as_str()), ("permission_denied", ""));
        let run = sandbox.run(&["key", "list"]).code(1);
        run.stderr_has("auditrail migrate grants")
            .stderr_has("permission denied for table audit_api_keys");
    }
    let old = TestDb::empty().await;
    let sandbox = Sandbox::with(&old.url(&old.owner()));
    sandbox.run(&["migrate", "--to", "6"]).code(0);
    create(&sandbox, &[]).code(3).stderr_has("auditrail migrate");
    sandbox.run(&["key", "list"]).code(3);
    let nowhere = Sandbox::with("postgres://absent@127.0.0.1:1/x");
    create(&nowhere, &[]).code(6);
    nowhere.run(&["key", "list"]).code(6);
}

#[tokio::test]
async fn key_names_are_escaped_in_lists() {
    let (db, sandbox) = sandbox().await;
    create(&sandbox, &["--name", "x"]).code(0);
    let mut owner = db.connect(db.owner()).await;
    let set = "update control_plane.audit_api_keys set name = E'\\x1b[31mred'";
    sqlx::raw_sql(set).execute(&mut owner).await.unwrap();
    let run = sandbox.run(&["key", "list"]).code(0).stdout_has("\\u{1b}");
    assert!(!run.out.contains('\u{1b}'));
}

#[tokio::test]
async fn printed_grants_are_sufficient_for_a_service() {
    let db = TestDb::empty().await;
    let owner = Sandbox::with(&db.url(&db.owner()));
    owner.run(&["migrate"]).code(0);
    let service = Sandbox::with(&db.url(&db.service()));
    create(&service, &[]).code(1);
    let offline = Sandbox::with("postgres://absent@127.0.0.1:1/nowhere");
    let printed = offline.run(&["migrate", "grants", "--service", "auditrail_service"]).code(0).out;
    assert!(!printed.contains("auditrail_writer"), "{printed}");
    let mut connection = db.connect(db.owner()).await;
    let sql = AssertSqlSafe(printed.clone());
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    create(&service, &[]).code(0);
    let run =
        offline.run(&["migrate", "grants", "--service", "auditrail_service", "--json"]).code(0);
    assert_eq!(run.json(), json!({"sql": printed}));
}

#[test]
fn grants_default_to_the_standard_roles() {
    let sandbox = Sandbox::bare();
    let all = sandbox.run(&["migrate", "grants"]).code(0);
    let all = all.stdout_has("to \"auditrail_writer\";").stdout_has("to \"auditrail_reader\";");
    all.stdout_has(
        "grant update (revoked_at) on control_plane.audit_api_keys to \"auditrail_service\";",
    );
    let run = sandbox.run(&["migrate", "grants", "--reader", "o'brien \"x\""]).code(0);
    run.stdout_has("grant select on control_plane.audit_logs to \"o'brien \"\"x\"\"\";");
    let run = sandbox.run(&["migrate", "grants", "--writer", "public", "--reader", ""]).code(2);
    run.stderr_has("--writer: ").stderr_has("--reader: ");
}
