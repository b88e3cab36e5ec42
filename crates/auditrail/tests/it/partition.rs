//! `partition`, and the maintenance of `serve`.

use auditrail_store::migrate::{Runner, silent};
use auditrail_testkit::{TestDb, eventually};
use serde_json::json;

use crate::sandbox::Sandbox;
use crate::service::Service;

const RECORDS: &str =
    "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
     select (lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
                 || '7' || substr(gen_random_uuid()::text, 16))::uuid,
            'u1', 'user', 'project.created', 'project', 'p1'
       from generate_series(1, 50)";

#[tokio::test]
async fn partition_closes_and_lists() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["partition", "run"]).code(0).stdout_has("nothing to do");
    sandbox.run(&["partition", "close"]).code(0).stdout_has("closed as audit_logs_t");
    let run = sandbox.run(&["partition", "status", "--json"]).code(0).json();
    let kinds: Vec<_> = run["partitions"].as_array().unwrap().iter().map(|p| &p["kind"]).collect();
    assert_eq!(kinds, ["closed", "hot", "rest"]);
    sandbox.run(&["partition", "status"]).code(0).stdout_has("audit_logs_rest");
    let run = sandbox.run(&["partition", "merge", "--json"]).code(0);
    assert_eq!(run.json(), json!({"closed": [], "merged": []}));
    let run = sandbox.run(&["partition", "adopt", "--json"]).code(0);
    assert_eq!(run.json(), json!({"adopted": false}));
    sandbox.run(&["migrate", "verify"]).code(0);
}

#[tokio::test]
async fn migrate_names_the_command_for_a_large_table() {
    let db = TestDb::empty().await;
    Runner::new(db.owner()).up(Some(2), &mut silent).await.unwrap();
    db.as_owner(&RECORDS.replace("(1, 50)", "(1, 50001)")).await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.run(&["migrate"]).code(0).stderr_has("auditrail partition adopt");
    sandbox.run(&["partition", "status"]).code(0).stdout_has("not partitioned");
    let run = sandbox.run(&["partition", "run", "--json"]).code(1);
    assert_eq!(run.error_code(), "not_partitioned");
    sandbox.run(&["partition", "adopt"]).code(0).stdout_has("the table is partitioned");
    sandbox.run(&["partition", "status"]).code(0).stdout_has("audit_logs_hot");
}

#[tokio::test]
async fn partition_needs_the_owner() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let run = sandbox.run(&["partition", "run", "--json"]).code(1);
    assert_eq!(run.error_code(), "not_owner");
    sandbox.run(&["partition", "status"]).code(0);
}

#[tokio::test]
async fn serve_maintains_partitions_over_the_url_of_the_owner() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()))
        .set("AUDITRAIL_MAINTENANCE_DATABASE_URL", &db.url(&db.owner()));
    let service = Service::start(&sandbox, &[]);
    eventually("maintenance", async || {
        let metrics = service.metrics().await;
        metrics.contains("auditrail_partition_maintenance_enabled 1")
            && metrics.contains("auditrail_partitions_attached 2")
    })
    .await;
    let (code, log) = service.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("not maintained"), "{log}");
}

#[tokio::test]
async fn serve_warns_once_without_the_owner() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let service = Service::start(&sandbox, &[]);
    eventually("a run of the task", async || {
        let metrics = service.metrics().await;
        metrics.contains("task=\"partitions\",result=\"succeeded\"} 1")
    })
    .await;
    assert!(service.metrics().await.contains("auditrail_partition_maintenance_enabled 0"));
    let (_, log) = service.stop();
    assert_eq!(log.matches("partitions are not maintained by this process").count(), 1, "{log}");
}
