//! `log`.

use auditrail_testkit::TestDb;
use serde_json::json;

use crate::sandbox::Sandbox;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn log<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["log", "--actor", "user:u1", "--action", "project.created"];
    args.extend(["--target", "project:p1"]);
    args.extend(more);
    args
}

#[tokio::test]
async fn log_writes_and_prints_a_record() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.run(&log(&[])).code(0).stdout_has("user:u1").stdout_has("project:p1");
    let run = sandbox.run(&log(&[
        "--json",
        "--metadata",
        r#"{"plan":"pro"}"#,
        "--ip",
        "203.0.113.7",
        "--user-agent",
        "curl/8",
        "--tenant",
        "t1",
        "--request-id",
        "r1",
        "--id",
        ID,
        "--at",
        "2026-01-02T03:04:05+01:00",
        "--outcome",
        "denied",
        "--actor-name",
        "Ada",
        "--target-name",
        "Apollo",
    ]));
    let expected = json!({
        "id": ID, "actor_id": "u1", "actor_type": "user", "action": "project.created",
        "target_type": "project", "target_id": "p1", "metadata": {"plan": "pro"},
        "ip_address": "203.0.113.7", "user_agent": "curl/8", "tenant_id": "t1", "request_id": "r1",
        "created_at": "2026-01-02T02:04:05.000000Z", "outcome": "denied",
        "actor_name": "Ada", "target_name": "Apollo", "recorded_by": "role:auditrail_app",
    });
    assert_eq!(run.code(0).json(), expected);
    let hits = sandbox.run(&["query", "--json", "--request-id", "r1"]).code(0);
    assert_eq!(hits.rows(), [expected]);
    let table = sandbox.run(&["query", "--outcome", "denied"]).code(0);
    table.stdout_has("user:u1 (Ada)").stdout_has("project:p1 (Apollo)").stdout_has("denied");
    assert!(sandbox.run(&["query", "--json", "--outcome", "success"]).rows().is_empty());
    sandbox.run(&["query", "--outcome", "done"]).code(2).stderr_has("--outcome");
}

#[tokio::test]
async fn log_is_idempotent_by_id() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.run(&log(&["--id", ID])).code(0);
    sandbox.run(&log(&["--id", ID])).code(0).stderr_has("already exists").stdout_has(ID);
    let run = sandbox.run(&log(&["--id", ID, "--tenant", "t1", "--json"])).code(1);
    assert_eq!(run.error_code(), "id_conflict");
    assert_eq!(run.out, "");
    assert_eq!(sandbox.run(&["query", "--json"]).rows().len(), 1);
}

#[test]
fn log_reports_all_invalid_flags() {
    let run = Sandbox::with("postgres://absent@127.0.0.1:1/x").run(&[
        "log",
        "--actor",
        "system:x",
        "--action",
        "verb",
        "--target",
        "p",
        "--metadata",
        "[]",
        "--ip",
        "host",
        "--id",
        "7",
        "--at",
        "+300000-01-01T00:00:00Z",
        "--tenant",
        "a\nb",
    ]);
    let run = run.code(2).stderr_has("8 invalid values");
    for flag in
        ["--actor", "--action", "--target", "--metadata", "--ip", "--id", "--at", "--tenant"]
    {
        assert!(run.err.contains(&format!("\n  {flag}: ")), "no {flag} in {run:?}");
    }
    let run = Sandbox::bare().run(&log(&["--ip", "host", "--json"])).code(2);
    assert_eq!(run.error_code(), "invalid_value");
    let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(error["error"]["errors"][0]["pointer"], "--ip");
    assert_eq!(error["error"]["errors"][0]["code"], "bad_format");
    let run = Sandbox::bare().run(&log(&["--at", "2999-01-01T00:00:00Z"]));
    run.code(2).stderr_has("--at: ");
}

#[tokio::test]
async fn missing_schema_and_privileges_are_reported() {
    let db = TestDb::empty().await;
    let run = Sandbox::with(&db.url(&db.owner())).run(&log(&[])).code(3);
    run.stderr_has("auditrail migrate");
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let revoke = "revoke insert on control_plane.audit_logs from auditrail_app";
    sqlx::raw_sql(revoke).execute(&mut admin).await.unwrap();
    let run = Sandbox::with(&db.url(&db.app())).run(&log(&["--json"])).code(1);
    assert_eq!(run.error_code(), "permission_denied");
    let run = run.stderr_has("permission denied for table audit_logs (SQLSTATE 42501)");
    assert_eq!(run.err.matches("permission denied").count(), 1, "printed once: {run:#?}");
    Sandbox::with(&db.url(&db.app())).run(&["query"]).code(0);
}
