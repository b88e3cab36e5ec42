//! `migrate` and its subcommands, when all is well.

use auditrail_testkit::TestDb;
use serde_json::json;

use crate::program::Desk;

#[tokio::test]
async fn migrations_are_shown_applied_and_then_done() {
    let db = TestDb::empty().await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["migrate", "status"]).code(0).prints("pending");
    desk.run(&["migrate", "status", "--check"]).code(3).says("13 migrations are pending");
    desk.run(&["migrate", "--dry-run"]).code(0).prints("would apply 001_create_audit_logs_table");
    desk.run(&["migrate", "status", "--check"]).code(3);
    let run = desk.run(&["migrate", "--to", "2"]).code(0).prints("applied 2 migrations");
    run.says("applying 002_add_tenant_and_request_id.sql").says("done in ");
    desk.run(&["migrate", "verify"]).code(0).prints("matches version 2").says("11 pending");
    desk.run(&["migrate"]).code(0).prints("applied 11 migrations");
    desk.run(&["migrate"]).code(0).prints("nothing to do");
    desk.run(&["migrate", "status", "--check"]).code(0).prints("applied");
    desk.run(&["migrate", "verify"]).code(0);
    let run = desk.run(&["migrate", "--quiet", "--json"]).code(0);
    assert_eq!((run.json(), run.err.as_str()), (json!({"applied": [], "dry_run": false}), ""));
}

#[tokio::test]
async fn json_is_one_document_and_nothing_else() {
    let db = TestDb::empty().await;
    let desk = Desk::with(&db.url(&db.owner()));
    let json = |args: &[&str]| {
        let mut args = args.to_vec();
        args.push("--json");
        desk.run(&args).code(0).json()
    };
    assert_eq!(json(&["migrate", "--dry-run"])["planned"][0]["version"], 1);
    assert_eq!(json(&["migrate", "status"])["pending"], 13);
    let applied = json(&["migrate"]);
    assert_eq!(applied["applied"].as_array().unwrap().len(), 13);
    assert!(applied["applied"][0]["duration_ms"].is_u64());
    let status = json(&["migrate", "status"]);
    assert_eq!(status["migrations"][0]["state"], "applied");
    assert_eq!(status["migrations"][0]["checksum_ok"], true);
    assert_eq!(status["problems"], json!([]));
    let verified = json(&["migrate", "verify"]);
    assert_eq!(verified, json!({"version": 13, "drift": 0, "differences": [], "pending": 0}));
    assert_eq!(
        json(&["migrate", "down", "--to", "5", "--dry-run", "--allow-data-loss"])["planned"][0]["version"],
        13
    );
}

#[tokio::test]
async fn steps_are_taken_back_unless_they_lose_data() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.owner()));
    let run = desk.run(&["migrate", "down", "--to", "0", "--json"]).code(1);
    assert_eq!(run.error_code(), "data_loss");
    desk.run(&["migrate", "status", "--check"]).code(0);
    let down = |more: &[&str]| {
        let mut args = vec!["migrate", "down", "--to", "4", "--allow-data-loss"];
        args.extend(more);
        desk.run(&args).code(0)
    };
    down(&["--dry-run"]).prints("would revert 006_add_transaction_id.sql");
    down(&[]).prints("reverted 9 migrations").says("reverting 006_add_transaction_id.sql");
    down(&[]).prints("nothing to do");
    desk.run(&["migrate"]).code(0).prints("applied 9 migrations");
    desk.run(&["migrate", "down"]).code(2).says("--to");
}

#[tokio::test]
async fn the_sql_for_other_tools_makes_the_same_schema() {
    let db = TestDb::empty().await;
    let offline = Desk::with("postgres://nobody@127.0.0.1:1/nowhere");
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
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["migrate", "status", "--check"]).code(0);
    desk.run(&["migrate", "verify"]).code(0);
    let parts = offline.run(&["migrate", "sql", "--from", "3", "--to", "4"]).code(0);
    assert!(parts.out.contains("003_index_tenant") && !parts.out.contains("001_create"));
    offline.run(&["migrate", "sql", "--from", "4", "--to", "3"]).code(2);
    offline.run(&["migrate", "sql", "--to", "99"]).code(2).says("there is no migration 99");
}

#[tokio::test]
async fn a_table_made_by_other_means_is_adopted() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.run(&["migrate", "baseline"]).code(1).says("already has a history");
    let mut owner = db.connect(db.owner()).await;
    let forget = "drop table control_plane.schema_migrations";
    sqlx::raw_sql(forget).execute(&mut owner).await.unwrap();
    desk.run(&["migrate"]).code(1).says("migrate baseline");
    desk.run(&["migrate", "baseline"]).code(0).prints("the schema is at version 13");
    desk.run(&["migrate", "status", "--check"]).code(0).prints("adopted");
}
