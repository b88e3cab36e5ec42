//! Exports that are read slowly, or not at all, delay nothing else (`t_export2.py`, `t_export3.py`,
//! `t_revoke.py`).

use auditrail_core::Scope;
use auditrail_testkit::http::Call;
use auditrail_testkit::{TestDb, eventually};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::caller::{get, key, start_slowly};
use crate::sandbox::Sandbox;
use crate::service::Service;

/// 60 MB of each tenant: more than the buffers of a connection hold.
const RECORDS: &str = "insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, tenant_id, metadata)
    select 'u1', 'user', 'a.b', 't', 't', tenant, jsonb_build_object('pad', repeat('x', 60000))
      from generate_series(1, 1000) n, unnest(array['a', 'b', 'c']) tenant";
const EXPORT: &str = "/v1/audit-logs/export?format=ndjson";

/// Starts so many exports; returns their connections, and the statuses and headers of the refused ones.
async fn start_exports(
    service: &Service,
    key: &str,
    count: usize,
) -> (Vec<TcpStream>, Vec<String>) {
    let (mut running, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (stream, head) = start_slowly(service.address, &get(EXPORT, key)).await;
        if head.starts_with("HTTP/1.1 200") {
            running.push(stream);
        } else {
            refused.push(head);
        }
    }
    (running, refused)
}

fn record(id: &str) -> Value {
    json!({"id": id, "actor_type": "user", "actor_id": "u1", "action": "a.b", "target_type": "t",
           "target_id": "t"})
}

#[tokio::test]
async fn slow_exports_delay_nothing_else() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    let attacker = key(&db, &[Scope::Export], Some("a")).await;
    let accomplice = key(&db, &[Scope::Export], Some("a")).await;
    let second = key(&db, &[Scope::Export], Some("b")).await;
    let honest = key(&db, &Scope::ALL, Some("c")).await;
    let admin = key(&db, &[Scope::Admin], None).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let honest = honest.secret.expose();

    // The second key of the same tenant has no exports of its own.
    let (running, refused) = start_exports(&service, attacker.secret.expose(), 4).await;
    assert_eq!((running.len(), refused.len()), (2, 2));
    let (none, more) = start_exports(&service, accomplice.secret.expose(), 2).await;
    assert_eq!((none.len(), more.len()), (0, 2));
    for head in refused.iter().chain(&more) {
        assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: "), "{head}");
        assert!(head.contains("too_many_exports"), "{head}");
    }
    let (others, _) = start_exports(&service, second.secret.expose(), 2).await;
    assert_eq!(others.len(), 2);
    let busy = service.get(EXPORT).key(honest).send().await;
    assert_eq!(busy.problem(), (503, "too_many_exports".to_owned()));
    assert!(!busy.header("retry-after").is_empty());

    for path in ["/v1/audit-logs?limit=1", "/v1/audit-logs?count=exact&limit=1", "/v1/keys"] {
        let answer = service.get(path).key(honest).send().await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
    }
    let id = "0192d9e0-0000-7000-8000-000000000000";
    for status in [201, 200] {
        let answer = service.post("/v1/audit-logs").key(honest).json(&record(id)).send().await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
    let ready = Call::new(service.admin, "GET", "/readyz").send().await;
    assert_eq!(ready.status.as_u16(), 200);
    let path = format!("/v1/keys/{}", attacker.key.id);
    let revoke = Call::new(service.address, "DELETE", &path).key(admin.secret.expose());
    assert_eq!(revoke.send().await.status.as_u16(), 200);
    let again = service.get(EXPORT).key(attacker.secret.expose()).send().await;
    assert_eq!(again.problem(), (401, "invalid_key".to_owned()));

    drop((running, others));
    eventually("exports succeed again", async || {
        service.get(&format!("{EXPORT}&actor_id=none")).key(honest).send().await.status == 200
    })
    .await;
}
