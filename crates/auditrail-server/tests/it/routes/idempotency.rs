//! Ids that are derived from an `Idempotency-Key`.

use auditrail_core::{Record, RecordId};
use serde_json::{Value, json};

use crate::support::service::Service;

const PATH: &str = "/v1/audit-logs";

fn plain() -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.deleted",
        "target_type": "project", "target_id": "p1",
    })
}

/// The id that earlier versions derived.
fn earlier_id(tenant: &str, key_id: &str, key: &str, index: u64) -> RecordId {
    let label: &[u8] = b"idempotency key";
    let index = index.to_be_bytes();
    let parts = [label, tenant.as_bytes(), key_id.as_bytes(), key.as_bytes(), &index];
    RecordId::derived(None, &parts)
}

/// Stores a record as an earlier version did.
async fn store(service: &Service, id: RecordId, tenant: Option<&str>, writer: &str) {
    let mut stored = plain();
    stored["id"] = json!(id);
    stored["created_at"] = json!("2026-01-02T03:04:05.000000Z");
    stored["tenant_id"] = json!(tenant);
    stored["recorded_by"] = json!(writer);
    for absent in ["ip_address", "user_agent", "request_id", "metadata", "outcome"] {
        stored[absent] = Value::Null;
    }
    let record: Record = serde_json::from_value(stored).unwrap();
    service.log.bulk_writer().await.unwrap().write(&[record]).await.unwrap();
}

#[tokio::test]
async fn retries_find_records_of_an_earlier_version() {
    let service = Service::start().await;
    let id = earlier_id("t1", "key-all-t1", "k", 0);
    store(&service, id, Some("t1"), "key:key-all-t1").await;
    let post = |path: &str, body: &Value| {
        service.post(path).key("all-t1").header("idempotency-key", "k").json(body).send()
    };
    let single = post(PATH, &plain()).await;
    assert_eq!((single.status.as_u16(), &single.json()["id"]), (200, &json!(id)));
    let batch = post("/v1/audit-logs/batch", &json!([plain(), plain()])).await.json();
    assert_eq!((&batch["duplicates"], &batch["created"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn ids_cannot_be_taken_by_other_keys() {
    let service = Service::start().await;
    let id = earlier_id("t1", "key-all-t1", "k", 0);
    let taken = json!({"id": id, "actor_type": "user", "actor_id": "u9", "action": "a.b",
                       "target_type": "t", "target_id": "t"});
    let squat = service.post(PATH).key("all-t2").json(&taken).send().await;
    assert_eq!(squat.status.as_u16(), 201);
    for status in [201, 200] {
        let call = service.post(PATH).key("all-t1").header("idempotency-key", "k").json(&plain());
        let answer = call.send().await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        assert_ne!(answer.json()["id"], json!(id));
    }
}
