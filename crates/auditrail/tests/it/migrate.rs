//! `migrate` and its subcommands.

use auditrail_store::migrate::MigrationSet;
use auditrail_testkit::TestDb;
use serde_json::json;

use crate::sandbox::Sandbox;

/// The number of migrations, and of the newest.
pub(crate) fn latest() -> i64 {
    MigrationSet::embedded().latest()
}

#[tokio::test]
async fn migrate_applies_pending_migrations_once() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate", "status"]).code(0).stdout_has("pending");
    sandbox
        .run(&["migrate", "status", "--check"])
        .code(3)
        .stderr_has(&format!("{} migrations are pending", latest()));
    sandbox
        .run(&["migrate", "--dry-run"])
        .code(0)
        .stdout_has("would apply 001_create_audit_logs_table");
    sandbox.run(&["migrate", "status", "--check"]).code(3);
    let run = sandbox.run(&["migrate", "--to", "2"]).code(0).stdout_has("applied 2 migrations");
    run.stderr_has("applying 002_add_tenant_and_request_id.sql").stderr_has("done in ");
    sandbox
        .run(&["migrate", "verify"])
        .code(0)
        .stdout_has("matches version 2")
        .stderr_has(&format!("{} pending", latest() - 2));
    sandbox.run(&["migrate"]).code(0).stdout_has(&format!("applied {} migrations", latest() - 2));
    sandbox.run(&["migrate"]).code(0).stdout_has("nothing to do");
    sandbox.run(&["migrate", "status", "--check"]).code(0).stdout_has("applied");
    sandbox.run(&["migrate", "verify"]).code(0);
    let run = sandbox.run(&["migrate", "--quiet", "--json"]).code(0);
    assert_eq!((run.json(), run.err.as_str()), (json!({"applied": [], "dry_run": false}), ""));
}

#[tokio::test]
async fn migrate_prints_one_json_document() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    let json = |args: &[&str]| {
        let mut args = args.to_vec();
        args.push("--json");
        sandbox.run(&args).code(0).json()
    };
    assert_eq!(json(&["migrate", "--dry-run"])["planned"][0]["version"], 1);
    assert_eq!(json(&["migrate", "status"])["pending"], latest());
    let applied = json(&["migrate"]);
    assert_eq!(json!(applied["applied"].as_array().unwrap().len()), latest());
    assert!(applied["applied"][0]["duration_ms"].is_u64());
    let status = json(&["migrate", "status"]);
    assert_eq!(status["migrations"][0]["state"], "applied");
    assert_eq!(status["migrations"][0]["checksum_ok"], true);
    assert_eq!(status["problems"], json!([]));
    let verified = json(&["migrate", "verify"]);
    assert_eq!(verified, json!({"version": latest(), "drift": 0, "differences": [], "pending": 0}));
    assert_eq!(
        json(&["migrate", "down", "--to", "5", "--dry-run", "--allow-data-loss"])["planned"][0]["version"],
        latest()
    );
}

#[tokio::test]
async fn down_requires_consent_to_lose_data() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    let run = sandbox.run(&["migrate", "down", "--to", "0", "--json"]).code(1);
    assert_eq!(run.error_code(), "data_loss");
    sandbox.run(&["migrate", "status", "--check"]).code(0);
    let down = |more: &[&str]| {
        let mut args = vec!["migrate", "down", "--to", "4", "--allow-data-loss"];
        args.extend(more);
        sandbox.run(&args).code(0)
    };
    down(&["--dry-run"]).stdout_has("would revert 006_add_transaction_id.sql");
    down(&[])
        .stdout_has(&format!("reverted {} migrations", latest() - 4))
        .stderr_has("reverting 006_add_transaction_id.sql");
    down(&[]).stdout_has("nothing to do");
    sandbox.run(&["migrate"]).code(0).stdout_has(&format!("applied {} migrations", latest() - 4));
    sandbox.run(&["migrate", "down"]).code(2).stderr_has("--to");
}

#[tokio::test]
async fn exported_sql_creates_the_same_schema() {
    let db = TestDb::empty().await;
    let offline = Sandbox::with("postgres://absent@127.0.0.1:1/nowhere");
    let script = offline.run(&["migrate", "sql"]).code(0).out;
    let mut owner = db.connect(db.owner()).await;
    let mut send = async |sql: &str| {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut owner).await.unwrap();
    };
    for step in script.split("-- ===== ") {
        let step = format!("-- {step}");
        match step.trim_end().rsplit_once("\n\n") {
            // An index is built concurrently outside of any transaction, so on its own.
            Some((build, note)) if note.starts_with("insert into") => {
                send(build).await;
                send(note).await;
            }
            _ => send(&step).await,
        }
    }
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate", "status", "--check"]).code(0);
    sandbox.run(&["migrate", "verify"]).code(0);
    let parts = offline.run(&["migrate", "sql", "--from", "3", "--to", "4"]).code(0);
    assert!(parts.out.contains("003_index_tenant") && !parts.out.contains("001_create"));
    offline.run(&["migrate", "sql", "--from", "4", "--to", "3"]).code(2);
    offline.run(&["migrate", "sql", "--to", "99"]).code(2).stderr_has("there is no migration 99");
}

#[tokio::test]
async fn baseline_adopts_an_existing_table() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate", "baseline"]).code(1).stderr_has("already has a history");
    let mut owner = db.connect(db.owner()).await;
    let forget = "drop table control_plane.schema_migrations";
    sqlx::raw_sql(forget).execute(&mut owner).await.unwrap();
    sandbox.run(&["migrate"]).code(1).stderr_has("migrate baseline");
    sandbox
        .run(&["migrate", "baseline"])
        .code(0)
        .stdout_has(&format!("the schema is at version {}", latest()));
    sandbox.run(&["migrate", "status", "--check"]).code(0).stdout_has("adopted");
}
