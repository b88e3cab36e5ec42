//! `GET /v1/audit-logs/export`.

use std::time::Duration;

use auditrail_server::ServerConfig;
use auditrail_testkit::{eventually, until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::service::{Running, Service, record};

/// 18 MB, more than the buffers of a connection hold.
const LARGE: &str = "insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, metadata)
    select 'u1', 'user', 'a.b', 't', 't', jsonb_build_object('pad', repeat('x', 60000))
      from generate_series(1, 300)";

#[tokio::test]
async fn ndjson_ends_with_a_manifest_of_what_came_before() {
    let service = Service::start().await;
    service.write((0..5).map(|number| record(number, None)).collect()).await;
    let path = "/v1/audit-logs/export?format=ndjson&target_type=project";
    let answer = service.get(path).key("export").send().await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let (records, manifest) = text.trim_end().rsplit_once('\n').unwrap();
    let rows: Vec<Value> =
        records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let targets: Vec<_> = rows.iter().map(|row| row["target_id"].as_str().unwrap()).collect();
    assert_eq!(targets, ["p0", "p1", "p2", "p3", "p4"]);
    let manifest: Value = serde_json::from_str(manifest).unwrap();
    let manifest = &manifest["auditrail_manifest"];
    let digest = Sha256::digest(format!("{records}\n"));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&manifest["records"], &manifest["sha256"]), (&json!(5), &json!(digest)));
    assert_eq!(manifest["last"]["id"], rows[4]["id"]);
}

#[tokio::test]
async fn csv_formula_cells_are_neutralised() {
    let service = Service::start().await;
    let mut evil = record(1, None);
    evil["user_agent"] = "=HYPERLINK(\"https://a.example\")".into();
    evil["target_id"] = "-1".into();
    service.write(vec![evil]).await;
    let path = "/v1/audit-logs/export?format=csv&actor_id=u1";
    let answer = service.get(path).key("export").send().await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"audit-logs.csv\"");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let rows: Vec<_> = text.lines().collect();
    assert!(rows[0].starts_with("id,actor_id,"));
    assert!(rows[1].contains(",'-1,"), "{text}");
    assert!(rows[1].contains(",\"'=HYPERLINK(\"\"https://a.example\"\")\","), "{text}");
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn csv_starts_with_a_byte_order_mark_on_request() {
    let service = Service::start().await;
    let get = async |query: &str| {
        service.get(&format!("/v1/audit-logs/export?{query}")).key("export").send().await
    };
    let marked = get("format=csv&bom=true").await;
    assert!(marked.body.starts_with("\u{feff}id,".as_bytes()));
    assert!(get("format=csv&bom=false").await.body.starts_with(b"id,"));
    for (query, code) in [
        ("format=ndjson&bom=true", "conflict"),
        ("format=csv&bom=1", "unknown_value"),
        ("format=csv&bom=true&bom=true", "duplicate_field"),
    ] {
        assert_eq!(get(query).await.errors(), [("bom".to_owned(), code.to_owned())], "{query}");
    }
}

#[tokio::test]
async fn an_export_is_audited() {
    let service = Service::start().await;
    service.write(vec![record(1, Some("t1")), record(2, Some("t2"))]).await;
    let path = "/v1/audit-logs/export?format=ndjson&target_type=project";
    let own = service.get(path).key("all-t1").header("user-agent", "curl/8").send().await;
    let text = String::from_utf8(own.body.to_vec()).unwrap();
    assert!(text.contains("\"p1\"") && !text.contains("\"p2\""));
    let audited = service.get("/v1/audit-logs?action=audit_log.exported").key("read").send().await;
    let audited = &audited.json()["data"];
    assert_eq!(audited.as_array().unwrap().len(), 1);
    let audited = &audited[0];
    assert_eq!(
        (&audited["actor_type"], &audited["actor_id"]),
        (&json!("api_key"), &json!("key-all-t1"))
    );
    assert_eq!((&audited["tenant_id"], &audited["target_id"]), (&json!("t1"), &json!("t1")));
    let filters = json!({"target_type": "project", "tenant_id": "t1"});
    assert_eq!(audited["metadata"], json!({"format": "ndjson", "filters": filters}));
}

#[tokio::test]
async fn the_format_must_be_csv_or_ndjson() {
    let service = Service::start().await;
    for (query, code) in [("", "required"), ("?format=xml", "unknown_value")] {
        let path = format!("/v1/audit-logs/export{query}");
        let answer = service.get(&path).key("export").send().await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()));
        assert_eq!(answer.errors(), [("format".to_owned(), code.to_owned())]);
    }
    let paged = "/v1/audit-logs/export?format=csv&limit=5";
    let answer = service.get(paged).key("export").send().await;
    assert_eq!(answer.errors(), [("limit".to_owned(), "unknown_field".to_owned())]);
}

#[tokio::test]
async fn an_export_that_cannot_be_audited_is_refused() {
    let service = Service::start().await;
    service.log.pool().close().await;
    let path = "/v1/audit-logs/export?format=csv";
    let answer = service.get(path).key("export").send().await;
    assert_eq!(answer.problem(), (503, "database_unreachable".to_owned()));
}

/// Much more than the kernel buffers for a connection.
fn much() -> Vec<Value> {
    let text = "x".repeat(8_000);
    let mut records: Vec<_> = (0..3_000).map(|number| record(number % 3_000, None)).collect();
    for record in &mut records {
        record["metadata"] = json!({"text": text});
        record["created_at"] = "2026-01-02T03:04:05Z".into();
    }
    records
}

#[tokio::test]
async fn a_stalled_client_gets_an_aborted_export() {
    let config =
        ServerConfig { stall_timeout: Duration::from_millis(200), ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    service.write(much()).await;
    let mut reader = TcpStream::connect(service.address).await.unwrap();
    let head = "GET /v1/audit-logs/export?format=csv HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                authorization: Bearer export\r\n\r\n";
    reader.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 15];
    reader.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    let mut watcher = service.db.connect(service.db.admin()).await;
    until(
        &mut watcher,
        "select not exists (select from pg_stat_activity
                             where datname = current_database() and usename <> current_user
                               and state <> 'idle')",
    )
    .await;
    let mut rest = Vec::new();
    // The connection may also be reset, which is as good.
    drop(reader.read_to_end(&mut rest).await);
    assert!(!rest.ends_with(b"0\r\n\r\n"));
    let whole = service.get("/v1/audit-logs/export?format=csv").key("export").send().await;
    assert!(rest.len() < whole.body.len());
}

#[tokio::test]
async fn an_export_is_aborted_when_the_database_fails() {
    let service = Service::start().await;
    service.write(much()).await;
    let mut reader = TcpStream::connect(service.address).await.unwrap();
    let head = "GET /v1/audit-logs/export?format=ndjson HTTP/1.1\r\nhost: a\r\n\
                connection: close\r\nauthorization: Bearer export\r\n\r\n";
    reader.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 15];
    reader.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    let mut admin = service.db.connect(service.db.admin()).await;
    until(
        &mut admin,
        "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity
          where datname = current_database() and usename <> current_user
            and state = 'idle in transaction'",
    )
    .await;
    let mut rest = Vec::new();
    drop(reader.read_to_end(&mut rest).await);
    assert!(!rest.ends_with(b"0\r\n\r\n"));
    assert!(!String::from_utf8_lossy(&rest).contains("auditrail_manifest"));
}

#[tokio::test]
async fn an_export_ends_if_its_client_is_too_slow() {
    let config = ServerConfig {
        export_min_rate: u32::MAX,
        export_rate_window: Duration::from_millis(1),
        ..ServerConfig::default()
    };
    let service = Service::start_with(config).await;
    service.db.as_owner(LARGE).await;
    let admin = Running::admin(&service.app, None).await;
    let mut client = TcpStream::connect(service.address).await.unwrap();
    let request = "GET /v1/audit-logs/export?format=ndjson HTTP/1.1\r\nhost: a\r\n\
                   authorization: Bearer export\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut chunk = vec![0; 64 * 1_024];
    // Each poll reads a chunk.
    eventually("the export is aborted", async || {
        drop(client.read(&mut chunk).await);
        let metrics = admin.get("/metrics").send().await;
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        text.contains("auditrail_exports_aborted_total{reason=\"slow\"} 1")
    })
    .await;
    until(
        &mut service.db.connect(service.db.admin()).await,
        "select not exists (select from pg_stat_activity where state = 'idle in transaction'
             and datname = current_database())",
    )
    .await;
}

#[tokio::test]
async fn exports_of_a_tenant_get_half_of_the_connections() {
    let service = Service::start().await;
    service.db.as_owner(LARGE).await;
    let mut running = Vec::new();
    // The pool of the tests has eight connections.
    for _ in 0..4 {
        let mut client = TcpStream::connect(service.address).await.unwrap();
        let request = "GET /v1/audit-logs/export?format=ndjson HTTP/1.1\r\nhost: a\r\n\
                       authorization: Bearer export\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 15];
        client.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200 OK");
        running.push(client);
    }
    let path = "/v1/audit-logs/export?format=ndjson&actor_id=none";
    let beyond = service.get(path).key("export").send().await;
    assert_eq!(beyond.problem(), (429, "too_many_exports".to_owned()));
    assert_eq!(beyond.header("retry-after"), "10");
    let other = service.get(path).key("all-t1").send().await;
    assert_eq!(other.status.as_u16(), 200);
}
