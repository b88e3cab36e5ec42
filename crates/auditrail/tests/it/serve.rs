//! `serve`: start-up, settings, requests and graceful shutdown.

use std::time::Duration;

use auditrail_testkit::{TestDb, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::Executor;
use tempfile::TempDir;

use crate::sandbox::Sandbox;
use crate::service::{Service, key};

const PATH: &str = "/v1/audit-logs";

/// Whether the INSERT of a single record is waiting for a lock.
const WAITS: &str = "select exists (select from pg_stat_activity where wait_event_type = 'Lock'
    and datname = current_database() and query like '%insert into control_plane.audit_logs%')";

fn record(target: &str) -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.deleted",
        "target_type": "project", "target_id": target,
    })
}

#[tokio::test]
async fn serves_as_least_privileged_role() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let service = Service::start(&sandbox, &[]);
    let written = service.post(PATH).key(&key).json(&record("p1")).send().await;
    assert_eq!(written.status.as_u16(), 201);
    let hits = service.get("/v1/audit-logs?target_id=p1").key(&key).send().await.json();
    assert_eq!(hits["data"], json!([written.json()]));
    assert_eq!(service.get(PATH).send().await.problem(), (401, "no_key".to_owned()));
    for path in ["/livez", "/readyz"] {
        let call = auditrail_testkit::http::Call::new(service.admin, "GET", path);
        assert_eq!(call.send().await.status.as_u16(), 200, "{path}");
    }
    assert_eq!(service.ready.get("first_key"), None);
    let (code, log) = service.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains(&key) && !log.contains("p1\""), "{log}");
    assert!(log.contains("\"route\":\"/v1/audit-logs\""), "{log}");
}

#[tokio::test]
async fn shutdown_completes_in_flight_writes() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let mut owner = db.connect(db.owner()).await;
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    owner.execute(sqlx::raw_sql(lock)).await.unwrap();
    let call = service.post(PATH).key(&key).json(&record("p1")).send();
    let call = tokio::spawn(call);
    let mut admin = db.connect(db.admin()).await;
    auditrail_testkit::until(&mut admin, WAITS).await;
    service.signal(Signal::TERM);
    let address = service.address;
    eventually("no new connections", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    drop(owner);
    assert_eq!(call.await.unwrap().status.as_u16(), 201);
    assert_eq!(service.end().0, Some(0));
}

#[tokio::test]
async fn shutdown_delay_keeps_serving_but_unready() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_SHUTDOWN_DELAY", "1h");
    let service = Service::start(&sandbox, &[]);
    let operator = |path: &str| auditrail_testkit::http::Call::new(service.admin, "GET", path);
    let metrics = operator("/metrics").send().await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("auditrail_build_info"), "{text}");
    assert!(operator("/docs").send().await.header("content-type").starts_with("text/html"));
    service.signal(Signal::TERM);
    eventually("not ready", async || operator("/readyz").send().await.status == 503).await;
    assert_eq!(service.get(PATH).key(&key).send().await.status.as_u16(), 200);
    service.signal(Signal::TERM);
    assert_eq!(service.end().0, Some(130));
}

#[tokio::test]
async fn second_signal_stops_immediately() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let mut owner = db.connect(db.owner()).await;
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    owner.execute(sqlx::raw_sql(lock)).await.unwrap();
    let call = tokio::spawn(service.post(PATH).key(&key).json(&record("p1")).try_send());
    let mut admin = db.connect(db.admin()).await;
    auditrail_testkit::until(&mut admin, WAITS).await;
    service.signal(Signal::INT);
    let address = service.address;
    eventually("no new connections", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    service.signal(Signal::INT);
    assert_eq!(service.end().0, Some(130));
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn pending_migrations_exit_with_3_without_migrate() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    let (status, err) = Service::try_start(&sandbox, &[]).err().unwrap();
    assert_eq!(status.code(), Some(3), "{err}");
    assert!(err.contains("migrations are pending"), "{err}");
    let service = Service::start(&sandbox, &["--migrate"]);
    assert_eq!(service.stop().0, Some(0));
    sandbox.run(&["migrate", "verify"]).code(0);
}

#[test]
fn serve_exits_with_6_without_database() {
    let sandbox = Sandbox::with("postgres://someone:hunter2@127.0.0.1:1/nowhere");
    let (status, err) = Service::try_start(&sandbox, &[]).err().unwrap();
    assert_eq!(status.code(), Some(6), "{err}");
    assert!(err.contains("database_unreachable") && !err.contains("hunter2"), "{err}");
}

#[tokio::test]
async fn address_in_use_is_reported() {
    let db = TestDb::migrated().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sandbox = Sandbox::with(&db.url(&db.service()));
    sandbox
        .run(&["serve", "--listen", &address])
        .code(1)
        .stderr_has(&format!("cannot listen on {address}"));
    let sandbox = sandbox.set("AUDITRAIL_LISTEN", "localhost");
    sandbox.run(&["serve"]).code(2).stderr_has("AUDITRAIL_LISTEN is not an address with a port");
    let flag = sandbox.run(&["serve", "--listen", "8080"]).code(2);
    flag.stderr_has("--listen is not an address with a port");
    let admin = sandbox.run(&["serve", "--listen", "localhost:0", "--admin-listen", ":1"]).code(2);
    admin.stderr_has("--admin-listen is not an address with a port");
    let unknown = sandbox.run(&["serve", "--listen", "host.invalid:0"]).code(1);
    unknown.stderr_has("cannot listen on host.invalid:0 (--listen)");
}

#[tokio::test]
async fn bootstrap_key_is_printed_once() {
    let data = TempDir::new().unwrap();
    let dir = data.path().to_str().unwrap();
    let sandbox = Sandbox::bare();
    let service = Service::start(&sandbox, &["--data-dir", dir]);
    let first = service.ready["first_key"].clone();
    assert_eq!(first["scopes"], json!(["write", "read", "export", "admin", "verify", "erase"]));
    let key = first["key"].as_str().unwrap().to_owned();
    let written = service.post(PATH).key(&key).json(&record("p1")).send().await;
    assert_eq!(written.status.as_u16(), 201);
    let (code, log) = service.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains(&key), "{log}");

    let service = Service::start(&sandbox, &["--data-dir", dir]);
    assert_eq!(service.ready.get("first_key"), None);
    let hits = service.get("/v1/audit-logs?target_id=p1").key(&key).send().await.json();
    assert_eq!(hits["data"][0]["id"], written.json()["id"]);
    let made = service.get("/v1/audit-logs?action=key.created").key(&key).send().await.json();
    assert_eq!(made["data"][0]["target_id"], first["id"]);
    drop(service);
    // Without --json, stdout has only the key, so that it can be redirected to a file.
    let other = TempDir::new().unwrap();
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0", "--admin-listen"]);
    command.args(["127.0.0.1:0", "--data-dir", other.path().to_str().unwrap()]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut out, &mut rest).unwrap();
    assert!(line.starts_with("adt_live_") && rest.is_empty(), "{line}{rest}");
}

#[tokio::test]
async fn settings_reach_the_service() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    sandbox.file("auditrail.toml", "[server]\nrecord_reads = true\nwrite_timeout = \"200ms\"\n");
    let service = Service::start(&sandbox, &[]);
    assert_eq!(service.get(PATH).key(&key).send().await.status.as_u16(), 200);
    let reads = service.get("/v1/audit-logs?action=audit_log.read").key(&key).send().await.json();
    assert!(reads["data"][0]["actor_type"] == "api_key", "{reads}");
    let mut owner = db.connect(db.owner()).await;
    let lock = "begin; lock table control_plane.audit_logs in share row exclusive mode";
    owner.execute(sqlx::raw_sql(lock)).await.unwrap();
    let began = std::time::Instant::now();
    let late = service.post(PATH).key(&key).json(&record("p1")).send().await;
    assert_eq!(late.status.as_u16(), 503, "{late:?}");
    // The default is ten seconds.
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn exhausted_budget_returns_429() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_QUERY_BUDGET", "2/1h");
    let service = Service::start(&sandbox, &[]);
    for _ in 0..2 {
        assert_eq!(service.get(PATH).key(&key).send().await.status.as_u16(), 200);
    }
    let spent = service.get(PATH).key(&key).send().await;
    assert_eq!(spent.problem().0, 429);
    assert!(spent.header("retry-after").parse::<u32>().unwrap() > 0);
    // Writing has a budget of its own.
    let written = service.post(PATH).key(&key).json(&record("p1")).send().await;
    assert_eq!(written.status.as_u16(), 201);
}

#[tokio::test]
async fn cursors_work_on_every_server_of_a_database() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let [first, second] = [(); 2].map(|()| Service::start(&sandbox, &[]));
    for target in ["p1", "p2"] {
        first.post(PATH).key(&key).json(&record(target)).send().await;
    }
    let page = first.get("/v1/audit-logs?limit=1").key(&key).send().await.json();
    let cursor = page["pagination"]["next_cursor"].as_str().unwrap();
    let path = format!("/v1/audit-logs?limit=1&cursor={cursor}");
    let next = second.get(&path).key(&key).send().await.json();
    assert_eq!(next["data"][0]["target_id"], "p1");
    let other = sandbox.set("AUDITRAIL_CURSOR_KEY", &"k".repeat(32));
    let third = Service::start(&other, &[]);
    let refused = third.get(&path).key(&key).send().await;
    assert_eq!(refused.errors(), [("cursor".to_owned(), "invalid_cursor".to_owned())]);
}

#[tokio::test]
async fn names_of_hosts_are_resolved() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_LISTEN", "localhost:0");
    let mut command = sandbox.command(&["serve", "--json", "--admin-listen", "localhost:0"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(ready["listen"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{ready}");
}
