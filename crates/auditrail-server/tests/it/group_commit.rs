//! Group commit: comparison of duplicates, isolation of failures, and responses during an outage.

use std::time::Duration;

use auditrail_server::ServerConfig;
use auditrail_store::WriterLimits;
use auditrail_testkit::eventually;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::Answer;
use crate::support::service::{Service, record};

const ONE: &str = "/v1/audit-logs";
const BATCH: &str = "/v1/audit-logs/batch";
const SKIP: &str = "/v1/audit-logs/batch?on_invalid=skip";

fn numbers(answer: &Answer) -> [u64; 3] {
    let outcome = answer.json();
    ["created", "duplicates", "rejected"]
        .map(|name| outcome[name].as_u64().unwrap_or_else(|| panic!("{answer:?}")))
}

async fn total(service: &Service) -> u64 {
    let stats = service.get("/v1/audit-logs/stats").key("read").send().await;
    stats.json()["total"].as_u64().unwrap()
}

/// A record with an id and the required fields only.
fn bare(number: u32) -> Value {
    let mut bare = record(number, None);
    for name in ["metadata", "created_at", "tenant_id"] {
        bare.as_object_mut().unwrap().remove(name);
    }
    bare
}

fn with(mut value: Value, name: &str, field: impl Into<Value>) -> Value {
    value[name] = field.into();
    value
}

/// Locks the table until the connection is dropped.
async fn lock(service: &Service) -> PgConnection {
    let mut owner = service.db.connect(service.db.owner()).await;
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    owner.execute(sqlx::raw_sql(lock)).await.unwrap();
    owner
}

#[tokio::test]
async fn absent_fields_are_not_compared() {
    let service = Service::start().await;
    let post = |path: &'static str, body: Value| service.post(path).key("write").json(&body).send();
    assert_eq!(post(ONE, record(1, None)).await.status.as_u16(), 201);
    assert_eq!(post(ONE, bare(1)).await.status.as_u16(), 200);
    assert_eq!(numbers(&post(BATCH, json!([bare(1), bare(2)])).await), [1, 1, 0]);
    assert_eq!(numbers(&post(SKIP, json!([bare(1), bare(3)])).await), [1, 1, 0]);
    // Also if the other record is in the same batch and not stored yet.
    let twice = |number| json!([record(number, None), bare(number), bare(number + 1)]);
    assert_eq!(numbers(&post(BATCH, twice(10)).await), [2, 1, 0]);
    assert_eq!(numbers(&post(SKIP, twice(20)).await), [2, 1, 0]);
    assert_eq!(total(&service).await, 7);
}

#[tokio::test]
async fn different_content_is_a_conflict_in_any_request() {
    let service = Service::start().await;
    let post = |path: &'static str, body: Value| service.post(path).key("write").json(&body).send();
    assert_eq!(post(ONE, bare(1)).await.status.as_u16(), 201);
    let more = || with(bare(1), "user_agent", "agent");
    assert_eq!(post(ONE, more()).await.problem(), (409, "id_conflict".to_owned()));
    let stored = post(BATCH, json!([bare(2), more()])).await;
    assert_eq!(stored.problem(), (409, "id_conflict".to_owned()));
    let inside = json!([bare(2), bare(2), with(bare(2), "user_agent", "agent")]);
    assert_eq!(post(BATCH, inside.clone()).await.problem(), (409, "id_conflict".to_owned()));
    assert_eq!(total(&service).await, 1);
    let skipped = post(SKIP, inside).await;
    assert_eq!(numbers(&skipped), [1, 1, 1]);
    assert_eq!(skipped.json()["errors"][0]["index"], 2);
}

#[tokio::test]
async fn a_record_rejected_by_the_database_fails_alone() {
    let service = Service::start().await;
    let rule =
        "alter table control_plane.audit_logs add constraint no_p5 check (target_id <> 'p5')";
    service.db.as_owner(rule).await;
    let records: Vec<_> = (0..20).map(|number| record(number, None)).collect();
    let post = |path: &'static str, body: Value| service.post(path).key("write").json(&body).send();
    let all = post(BATCH, json!(records)).await;
    assert_eq!(all.problem(), (422, "rejected_by_database".to_owned()));
    assert_eq!(total(&service).await, 0);
    let skipped = post(SKIP, json!(records)).await;
    assert_eq!(numbers(&skipped), [19, 0, 1]);
    let errors = &skipped.json()["errors"];
    assert_eq!(
        (&errors[0]["index"], &errors[0]["code"]),
        (&5.into(), &"rejected_by_database".into())
    );
    // The number of splits is bounded.
    let poison: Vec<_> = (100..300).map(|n| with(bare(n), "target_id", "p5")).collect();
    let nothing = post(SKIP, json!(poison)).await;
    assert_eq!(nothing.problem(), (422, "rejected_by_database".to_owned()));
}

#[tokio::test]
async fn a_rejected_request_does_not_fail_its_group() {
    let service = Service::start().await;
    let rule =
        "alter table control_plane.audit_logs add constraint no_p5 check (target_id <> 'p5')";
    service.db.as_owner(rule).await;
    let blocked = lock(&service).await;
    let calls: Vec<_> = (0..10)
        .map(|number| service.post(ONE).key("write").json(&record(number, None)))
        .map(|call| tokio::spawn(call.send()))
        .collect();
    let all_there = async || {
        let stats = service.writer.stats();
        stats.queued_records + stats.in_flight_records == 10
    };
    eventually("all requests wait", all_there).await;
    drop(blocked);
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap().status.as_u16());
    }
    let expected: Vec<u16> = (0..10).map(|n| if n == 5 { 422 } else { 201 }).collect();
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn writes_are_503_during_an_outage_and_recover_after_it() {
    let config =
        ServerConfig { write_timeout: Duration::from_millis(300), ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    let post = |n| service.post(ONE).key("write").json(&record(n, None)).send();
    assert_eq!(post(1).await.status.as_u16(), 201);
    service
        .db
        .as_owner("revoke insert on control_plane.audit_logs from public, auditrail_service")
        .await;
    let refused = post(2).await;
    assert_eq!(refused.problem(), (503, "permission_denied".to_owned()));
    // An operator has to fix this.
    assert_eq!(refused.header("retry-after"), "30");
    let batch = service.post(BATCH).key("write").json(&json!([record(3, None)])).send().await;
    assert_eq!(batch.problem(), (503, "permission_denied".to_owned()));
    service.db.as_owner("grant insert on control_plane.audit_logs to auditrail_service").await;
    eventually("writes are taken again", async || post(2).await.status.as_u16() < 300).await;
    assert_eq!(total(&service).await, 2);
}

#[tokio::test]
async fn a_full_queue_is_503_and_writes_nothing() {
    let config =
        ServerConfig { write_timeout: Duration::from_millis(200), ..ServerConfig::default() };
    // The first request stays in the writer while the lock is held, even if its caller disconnects.
    let long = Duration::from_secs(600);
    let limits = WriterLimits {
        writers: 1,
        queue_records: 1,
        lock_timeout: long,
        statement_timeout: long,
        ..WriterLimits::default()
    };
    let service = Service::start_limited(config, limits).await;
    let blocked = lock(&service).await;
    let first = tokio::spawn(service.post(ONE).key("write").json(&record(1, None)).send());
    eventually("the first is in", async || {
        let stats = service.writer.stats();
        stats.queued_records + stats.in_flight_records == 1
    })
    .await;
    let second = service.post(ONE).key("write").json(&record(2, None)).send().await;
    assert_eq!(second.problem(), (503, "overloaded".to_owned()));
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(first.await.unwrap().status.as_u16(), 503);
    drop(blocked);
    eventually("the table is free", async || {
        service.get(ONE).key("read").send().await.status == 200
    })
    .await;
    let page = service.get("/v1/audit-logs?target_id=p2").key("read").send().await.json();
    assert_eq!(page["data"], json!([]));
}

#[tokio::test]
async fn bodies_beyond_the_memory_limit_wait_then_fail() {
    let config = ServerConfig {
        body_max_bytes: 1_000,
        bodies_max_bytes: 1_000,
        // Also the timeout of the first commit, which opens a connection: long enough on a busy machine.
        write_timeout: Duration::from_secs(2),
        body_timeout: Duration::from_secs(600),
        body_grace: Duration::from_secs(600),
        ..ServerConfig::default()
    };
    let service = Service::start_with(config).await;
    let padded = format!("{}{}", record(1, None), " ".repeat(600));
    let post = || service.post(ONE).key("write").body("application/json", padded.clone());
    assert_eq!(post().send().await.status.as_u16(), 201);
    // A client takes memory for what it sends, which is all but the end of some bodies.
    let head = "POST /v1/audit-logs HTTP/1.1\r\nhost: a\r\nauthorization: Bearer write\r\n\
                content-type: application/json\r\ncontent-length: 900\r\n\r\n{";
    let unfinished = format!("{head}{}", " ".repeat(898));
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(service.address).await.unwrap();
        client.write_all(unfinished.as_bytes()).await.unwrap();
        slow.push(client);
    }
    eventually("the memory is in use", async || {
        let refused = post().send().await;
        refused.status == 503 && refused.problem() == (503, "overloaded".to_owned())
    })
    .await;
    drop(slow);
    eventually("the memory is released", async || post().send().await.status == 200).await;
}
