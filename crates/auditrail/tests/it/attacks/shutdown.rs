//! Clients that do nothing while the service shuts down (`t_term.py`).

use std::time::{Duration, Instant};

use auditrail_testkit::TestDb;
use rustix::process::Signal;

use super::wire::{connect, head, record};
use crate::sandbox::Sandbox;
use crate::service::{Service, key};

#[tokio::test]
async fn stalled_clients_do_not_delay_a_shutdown_beyond_its_grace() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_SHUTDOWN_GRACE", "2s");
    let service = Service::start(&sandbox, &[]);
    let batch = serde_json::Value::from(vec![record("fat", 60_000); 200]);
    let written = service.post("/v1/audit-logs/batch").key(&key).json(&batch).send().await;
    assert_eq!(written.status.as_u16(), 200);
    let export = head("GET", "/v1/audit-logs/export?format=ndjson", &key, 0);
    let body = head("POST", "/v1/audit-logs/batch", &key, 100_000) + "[";
    let refused = head("POST", "/v1/audit-logs", "unknown", 100_000);
    let stalled = [
        (8, export.as_str()),
        (3, &body),
        (5, &refused),
        (20, "GET /x HTTP/1.1\r\nhost: x\r\n\r\n"),
        (20, "GET /x HTTP/1.1\r\nho"),
        (20, ""),
    ];
    let mut clients = Vec::new();
    for (count, bytes) in stalled {
        for _ in 0..count {
            clients.push(connect(service.address, Some(4_096), bytes.as_bytes()).await);
        }
    }
    // All of them were accepted before this.
    assert_eq!(service.get("/v1/audit-logs?limit=1").key(&key).send().await.status.as_u16(), 200);
    let began = Instant::now();
    service.signal(Signal::TERM);
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?} {log}", began.elapsed());
    drop(clients);
}
