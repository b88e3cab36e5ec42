//! Large responses whose clients do not read them (`t_mem.py`, `t_mem2.py`).

use auditrail_testkit::{TestDb, eventually};
use serde_json::Value;

use super::wire::{connect, head, record, tenant_key};
use crate::sandbox::Sandbox;
use crate::service::Service;

const MIB: usize = 1_024 * 1_024;
/// All large responses, and some pages that are being read and serialized.
const GROWTH_MAX: usize = 48 + 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_pages_take_bounded_memory() {
    let db = TestDb::migrated().await;
    let (a, b) = (tenant_key(&db, "a").await, tenant_key(&db, "b").await);
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    for key in [&a, &b] {
        let batch = Value::from(vec![record("fat", 60_000); 150]);
        let written = service.post("/v1/audit-logs/batch").key(key).json(&batch).send().await;
        assert_eq!(written.status.as_u16(), 200);
    }
    let path = "/v1/audit-logs?limit=1000&target_id=fat";
    // A page ends early, and its cursor continues it.
    let page = service.get(path).key(&b).send().await;
    assert!(page.body.len() < 5 * MIB);
    let page = page.json();
    assert_eq!(page["pagination"]["has_more"], true);
    let cursor = page["pagination"]["next_cursor"].as_str().unwrap();
    let next = service.get(&format!("{path}&cursor={cursor}")).key(&b).send().await.json();
    assert_ne!(next["data"][0]["id"], page["data"][0]["id"]);

    let before = service.resident_bytes();
    let get = head("GET", path, &a, 0);
    let mut unread = Vec::new();
    let opening = async {
        for _ in 0..60 {
            unread.push(connect(service.address, Some(4_096), get.as_bytes()).await);
        }
        eventually("responses are refused", async || {
            let refused = "auditrail_memory_refusals_total{use=\"responses\"} 0\n";
            !service.metrics().await.contains(refused)
        })
        .await;
    };
    let ((), peak) = service.peak_bytes_during(opening).await;
    let grown = peak.saturating_sub(before) / MIB;
    assert!(grown < GROWTH_MAX, "{grown} MiB");
    // One tenant does not take the memory of another.
    let page = service.get(path).key(&b).send().await;
    assert_eq!(page.status.as_u16(), 200);
    let answer = service.get(path).key(&a).send().await;
    assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
    assert!(!answer.header("retry-after").is_empty());
    let small = service.get("/v1/audit-logs?limit=1&actor_id=none").key(&a).send().await;
    assert_eq!(small.status.as_u16(), 200);
    drop(unread);
    eventually("the memory is released", async || {
        service.get(path).key(&a).send().await.status.as_u16() == 200
    })
    .await;
}
