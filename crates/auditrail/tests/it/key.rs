//! `key` and `migrate grants`.

use std::process::Command;

use auditrail_core::ApiKeySecret;
use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::program::{Desk, Run};

async fn desk() -> (TestDb, Desk) {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.service()));
    (db, desk)
}

fn create(desk: &Desk, more: &[&str]) -> Run {
    let mut args = vec!["key", "create", "--scope", "write"];
    args.extend(more);
    desk.run(&args)
}

fn id(created: &Run) -> String {
    created.json()["id"].as_str().unwrap().to_owned()
}

/// The records of changes, oldest first.
fn records(desk: &Desk) -> Vec<Value> {
    let mut rows = desk.run(&["query", "--json"]).code(0).rows();
    rows.reverse();
    rows
}

#[tokio::test]
async fn a_key_is_printed_once_and_is_nowhere_else() {
    let (db, desk) = desk().await;
    let run = create(&desk, &["--name", "billing"]).code(0);
    let run = run.says("made the key").says("not shown again");
    let key: ApiKeySecret = run.out.trim_end().parse().unwrap();
    assert_eq!(run.out, format!("{}\n", key.expose()));

    let listed = desk.run(&["key", "list"]).code(0).prints("billing").prints("active");
    let listed = listed.prints(&key.to_string());
    let rows = desk.run(&["key", "list", "--json"]).code(0);
    let id = rows.rows()[0]["id"].as_str().unwrap().to_owned();
    let revoked = desk.run(&["key", "revoke", &id]).code(0);
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
async fn json_is_one_document_with_all_that_was_asked() {
    let (_db, desk) = desk().await;
    let run = create(
        &desk,
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
    let listed = desk.run(&["key", "list", "--json"]).code(0).rows();
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
    let plain = create(&desk, &["--json"]).code(0).json();
    assert_eq!((&plain["tenant_id"], &plain["name"]), (&Value::Null, &Value::Null));
    assert_eq!(plain["expires_at"], Value::Null);
}

#[tokio::test]
async fn revoking_is_told_recorded_and_can_be_repeated() {
    let (_db, desk) = desk().await;
    let id = id(&create(&desk, &["--json", "--tenant", "t1"]).code(0));
    desk.run(&["key", "revoke", &id]).code(0).prints(&format!("revoked {id}"));
    let run = desk.run(&["key", "revoke", &id, "--json"]).code(0).says("revoked before");
    assert_eq!(run.json()["id"], id);
    assert!(run.json()["revoked_at"].is_string());
    desk.run(&["key", "list"]).code(0).prints("revoked");
    let records = records(&desk);
    let actions: Vec<&Value> = records.iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["key.created", "key.revoked"]);
    for record in &records {
        assert_eq!((&record["target_type"], &record["target_id"]), (&"api_key".into(), &json!(id)));
        assert_eq!(record["tenant_id"], "t1");
    }
}

#[tokio::test]
async fn the_actor_is_the_login_name_of_the_system_or_whoever_is_named() {
    let (db, _) = desk().await;
    let desk = Desk::with(&db.url(&db.service())).set("USER", "mallory").set("LOGNAME", "mallory");
    let login = Command::new("id").arg("-un").output().unwrap().stdout;
    let login = String::from_utf8(login).unwrap();
    let id = id(&create(&desk, &["--json"]).code(0));
    desk.run(&["key", "revoke", &id, "--actor", "system"]).code(0);
    let records = records(&desk);
    assert_eq!(records[0]["actor_type"], "user");
    assert_eq!(records[0]["actor_id"], format!("cli:{}", login.trim_end()));
    assert_eq!(records[1]["actor_type"], "system");
    let by = &desk.run(&["key", "list", "--json"]).rows()[0]["created_by"];
    assert_eq!(by, &format!("user:cli:{}", login.trim_end()));
}

#[tokio::test]
async fn a_key_that_is_not_there_ends_with_1() {
    let (_db, desk) = desk().await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let run = desk.run(&["key", "revoke", unknown, "--json"]).code(1);
    assert_eq!((run.error_code().as_str(), run.out.as_str()), ("unknown_key", ""));
    desk.run(&["key", "revoke", unknown]).code(1).says("key list");
    desk.run(&["key", "list"]).code(0).says("there are no keys");
    assert_eq!(desk.run(&["key", "list", "--json"]).code(0).out, "");
}

#[test]
fn every_wrong_flag_is_reported_at_once_and_no_key_is_repeated() {
    let desk = Desk::with("postgres://nobody@127.0.0.1:1/x");
    let run = create(
        &desk,
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
    let run = run.code(2).says("6 values are wrong");
    for flag in ["--scope", "--tenant", "--name", "--expires", "--env", "--actor"] {
        assert!(run.err.contains(&format!("\n  {flag}: ")), "no {flag} in {run:?}");
    }
    create(&desk, &["--expires", "0d"]).code(2).says("--expires: must be in the future");
    desk.run(&["key", "create"]).code(2).says("--scope");
    desk.run(&["key", "revoke"]).code(2).says("ID");
    let key = "adt_live_0029sS3yqsuDyR1vGFhTuuRAq1b_2mCDPP";
    for more in [&[][..], &["--json"]] {
        let mut args = vec!["key", "revoke", key];
        args.extend(more);
        let run = desk.run(&args).code(2).says("ID: must be a UUID");
        assert!(!run.err.contains("0029sS"), "{run:?}");
    }
}

#[tokio::test]
async fn a_role_without_the_rights_an_old_schema_and_no_database_have_their_codes() {
    let (db, _) = desk().await;
    for role in [db.app(), db.reader()] {
        let desk = Desk::with(&db.url(&role));
        let run = create(&desk, &["--json"]).code(1);
        assert_eq!((run.error_code().as_str(), run.out.as_str()), ("permission_denied", ""));
        let run = desk.run(&["key", "list"]).code(1);
        run.says("auditrail migrate grants").says("permission denied for table audit_api_keys");
    }
    let old = TestDb::empty().await;
    let desk = Desk::with(&old.url(&old.owner()));
    desk.run(&["migrate", "--to", "6"]).code(0);
    create(&desk, &[]).code(3).says("auditrail migrate");
    desk.run(&["key", "list"]).code(3);
    let nowhere = Desk::with("postgres://nobody@127.0.0.1:1/x");
    create(&nowhere, &[]).code(6);
    nowhere.run(&["key", "list"]).code(6);
}

#[tokio::test]
async fn a_name_that_steers_a_terminal_is_shown_and_not_obeyed() {
    let (db, desk) = desk().await;
    create(&desk, &["--name", "x"]).code(0);
    let mut owner = db.connect(db.owner()).await;
    let set = "update control_plane.audit_api_keys set name = E'\\x1b[31mred'";
    sqlx::raw_sql(set).execute(&mut owner).await.unwrap();
    let run = desk.run(&["key", "list"]).code(0).prints("\\u{1b}");
    assert!(!run.out.contains('\u{1b}'));
}

#[tokio::test]
async fn the_printed_grants_let_the_owner_set_up_a_service() {
    let db = TestDb::empty().await;
    let owner = Desk::with(&db.url(&db.owner()));
    owner.run(&["migrate"]).code(0);
    let service = Desk::with(&db.url(&db.service()));
    create(&service, &[]).code(1);
    let offline = Desk::with("postgres://nobody@127.0.0.1:1/nowhere");
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
fn grants_are_for_the_usual_roles_unless_some_are_named() {
    let desk = Desk::bare();
    let all = desk.run(&["migrate", "grants"]).code(0);
    let all = all.prints("to \"auditrail_writer\";").prints("to \"auditrail_reader\";");
    all.prints(
        "grant update (revoked_at) on control_plane.audit_api_keys to \"auditrail_service\";",
    );
    let run = desk.run(&["migrate", "grants", "--reader", "o'brien \"x\""]).code(0);
    run.prints("grant select on control_plane.audit_logs to \"o'brien \"\"x\"\"\";");
    let run = desk.run(&["migrate", "grants", "--writer", "public", "--reader", ""]).code(2);
    run.says("--writer: ").says("--reader: ");
}
