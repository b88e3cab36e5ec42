//! Requests that callers abandon while a table is locked. Their statements must end, or they use up the
//! connections of the database (`t_orphan.py`).

use std::time::Duration;

use auditrail_core::Scope;
use auditrail_testkit::{TestDb, eventually, until};
use futures_util::future::join_all;
use rustix::process::Signal;
use sqlx::Row;

use super::caller::{abandon, get, key, post};
use crate::sandbox::Sandbox;
use crate::service::Service;

const TABLE: &str = "control_plane.audit_logs";
/// Connections for reads, in the settings.
const READS: i64 = 4;
/// The number of connections that docs/operations.md states, beyond those for reads: exports, API keys,
/// lookups, duplicates, the writer and the readiness check.
const OTHERS: i64 = 4 + 3 + 2 + 2 + 3 + 1;
/// Sessions that are ending, in the second in which the server notices.
const ENDING: i64 = 3;
const BACKENDS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name like 'auditrail%'";
const RECORD: &str =
    r#"{"actor_type":"user","actor_id":"u1","action":"a.b","target_type":"t","target_id":"t"}"#;

async fn backends(db: &mut sqlx::PgConnection) -> i64 {
    sqlx::query(BACKENDS).fetch_one(db).await.unwrap().get(0)
}

/// Sends twelve of each request every 400 ms, each abandoned after that time. Returns the most backends.
async fn attack(db: &TestDb, service: &Service, requests: &[String], rounds: usize) -> i64 {
    let mut observer = db.connect(db.admin()).await;
    let mut most = 0;
    for _ in 0..rounds {
        let calls = (0..12).flat_map(|_| requests).cloned();
        let calls =
            calls.map(|request| abandon(service.address, request, Duration::from_millis(400)));
        join_all(calls).await;
        most = most.max(backends(&mut observer).await);
    }
    most
}

#[tokio::test]
async fn abandoned_statements_end_in_the_database() {
    let db = TestDb::migrated().await;
    let reader = key(&db, &[Scope::Read, Scope::Export, Scope::Write], Some("a")).await;
    let other = key(&db, &[Scope::Read], Some("b")).await;
    let sandbox = Sandbox::with(&db.url(&db.service()))
        .set("AUDITRAIL_DATABASE_CONNECTIONS", &READS.to_string());
    let service = Service::start(&sandbox, &[]);
    let lock = db.lock(TABLE).await;
    let token = reader.secret.expose();
    let requests = [
        get("/v1/audit-logs?limit=1&actor_type=user&metadata.a=b", token),
        get("/v1/audit-logs?count=exact", token),
        get("/v1/audit-logs/0192d9e0-0000-7000-8000-000000000000", token),
        get("/v1/audit-logs/stats", token),
        get("/v1/audit-logs/export?format=csv", token),
        get("/v1/audit-logs?limit=1", token).replace("GET", "HEAD"),
        post("/v1/audit-logs", token, RECORD),
    ];
    let most = attack(&db, &service, &requests, 10).await;
    assert!(most <= READS + OTHERS + ENDING, "{most} backends");
    // A patient caller learns the reason, and applications can connect.
    let patient = service.get("/v1/audit-logs?limit=1").key(other.secret.expose()).send().await;
    assert_eq!(patient.problem(), (503, "database_busy".to_owned()));
    drop(db.connect(db.app()).await);
    drop(lock);
    eventually("reads succeed again", async || {
        let call = service.get("/v1/audit-logs?limit=1").key(token);
        call.send().await.status.as_u16() == 200
    })
    .await;
    let mut observer = db.connect(db.admin()).await;
    eventually("no statement is left", async || {
        let active = format!("{BACKENDS} and state = 'active'");
        sqlx::query(sqlx::AssertSqlSafe(active))
            .fetch_one(&mut observer)
            .await
            .unwrap()
            .get::<i64, _>(0)
            == 0
    })
    .await;
}

#[tokio::test]
async fn a_killed_service_leaves_no_statement() {
    let db = TestDb::migrated().await;
    let reader = key(&db, &[Scope::Read, Scope::Export, Scope::Write], None).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let _lock = db.lock(TABLE).await;
    let token = reader.secret.expose();
    for request in [
        get("/v1/audit-logs", token),
        get("/v1/audit-logs/export?format=csv", token),
        post("/v1/audit-logs", token, RECORD),
    ] {
        tokio::spawn(abandon(service.address, request, Duration::from_secs(60)));
    }
    let mut observer = db.connect(db.admin()).await;
    let waits = "select count(*) >= 2 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    until(&mut observer, waits).await;
    service.signal(Signal::KILL);
    let gone = format!("select ({BACKENDS}) = 0");
    until(&mut observer, &gone).await;
}
