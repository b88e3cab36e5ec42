//! `/v1/erasures` and `/v1/holds`.

use auditrail_core::Scope;
use auditrail_store::erasure::Eraser;
use serde_json::json;

use crate::routes::openapi::{described, names};
use crate::support::db_keys::ServiceWithDbKeys;

const ERASURES: &str = "/v1/erasures";
const HOLDS: &str = "/v1/holds";

/// Two records of ana, of which the first one is about bea.
async fn service() -> ServiceWithDbKeys {
    let service = ServiceWithDbKeys::start().await;
    let db = &service.db;
    db.as_owner(
        "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id, ip_address)
         values ('ana', 'user', 'project.created', 'user', 'bea', '10.0.0.1'),
                ('ana', 'user', 'project.created', 'project', 'p1', '10.0.0.1')",
    )
    .await;
    db.sequence().await;
    service
}

#[tokio::test]
async fn values_are_erased_over_http() {
    let service = service().await;
    service.app.allow_erasure(Eraser::new(service.db.owner()));
    let key = service.token(&[Scope::Erase], None).await;
    let call = |body| service.call("POST", ERASURES).key(&key).json(&body).send();
    let dry = call(json!({"actor": "user:ana", "reason": "r", "dry_run": true})).await;
    assert_eq!((&dry.json()["records"], &dry.json()["id"]), (&json!(2), &json!(null)));
    let erased = call(json!({"actor": "user:ana", "reason": "request 17"})).await;
    assert_eq!(erased.status.as_u16(), 200, "{erased:?}");
    let erased = erased.json();
    assert_eq!((&erased["records"], &erased["altered"]), (&json!(2), &json!(0)));
    assert_eq!(names(&erased), names(&described("ErasureResult")["properties"]));
    let read = service.token(&[Scope::Read], None).await;
    let found = service.get("/v1/audit-logs?action=project.*", &read).await.json();
    let pseudonym = &erased["pseudonym"];
    assert!(
        found["data"].as_array().unwrap().iter().all(|record| record["actor_id"] == *pseudonym)
    );
    let recorded = service.get("/v1/audit-logs?action=audit_log.erased", &read).await.json();
    assert_eq!(recorded["data"][0]["actor_type"], "api_key");
}

#[tokio::test]
async fn erasure_is_refused_without_scope_owner_or_valid_body() {
    let service = service().await;
    let key = service.token(&[Scope::Erase], None).await;
    let body = json!({"actor": "user:ana", "reason": "r"});
    let answer = service.call("POST", ERASURES).key(&key).json(&body).send().await;
    assert_eq!(answer.problem(), (503, "erasure_unavailable".to_owned()));
    service.app.allow_erasure(Eraser::new(service.db.owner()));
    let every_other = [Scope::Write, Scope::Read, Scope::Export, Scope::Admin, Scope::Verify];
    let other = service.token(&every_other, None).await;
    let answer = service.call("POST", ERASURES).key(&other).json(&body).send().await;
    assert_eq!(answer.problem(), (403, "wrong_scope".to_owned()));
    let of_tenant = service.token(&[Scope::Erase], Some("t1")).await;
    let answer = service.call("POST", ERASURES).key(&of_tenant).json(&body).send().await;
    assert_eq!(answer.problem(), (403, "other_tenant".to_owned()));
    for body in [json!({}), json!({"actor": "user:ana", "reason": "r", "fields": ["action"]})] {
        let answer = service.call("POST", ERASURES).key(&key).json(&body).send().await;
        assert_eq!(answer.status.as_u16(), 422, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn hold_stops_an_erasure_until_it_is_released() {
    let service = service().await;
    service.app.allow_erasure(Eraser::new(service.db.owner()));
    let admin = service.token(&[Scope::Admin], None).await;
    let eraser = service.token(&[Scope::Erase], None).await;
    let hold = json!({"name": "case 4", "reason": "court", "filters": {"target": "user:bea"}});
    let created = service.call("POST", HOLDS).key(&admin).json(&hold).send().await;
    assert_eq!(created.status.as_u16(), 201, "{created:?}");
    assert_eq!(names(&created.json()), names(&described("HoldDocument")["properties"]));
    let again = service.call("POST", HOLDS).key(&admin).json(&hold).send().await;
    assert_eq!(again.problem(), (409, "hold_exists".to_owned()));
    let wrong = json!({"name": "x", "reason": "r", "filters": {"outcome": "failure"}});
    let wrong = service.call("POST", HOLDS).key(&admin).json(&wrong).send().await;
    assert_eq!(wrong.status.as_u16(), 422);
    let erase = json!({"actor": "user:ana", "reason": "r"});
    let held = service.call("POST", ERASURES).key(&eraser).json(&erase).send().await;
    assert_eq!(held.problem(), (409, "held".to_owned()));
    assert!(held.json()["detail"].as_str().unwrap().contains("case 4"), "{held:?}");
    let listed = service.get(HOLDS, &admin).await.json();
    assert_eq!(listed["data"], json!([created.json()]));
    let path = format!("{HOLDS}/case%204");
    let of_tenant = service.token(&[Scope::Admin], Some("t1")).await;
    let refused = service.call("DELETE", &path).key(&of_tenant).send().await;
    assert_eq!(refused.problem(), (403, "other_tenant".to_owned()));
    let released = service.call("DELETE", &path).key(&admin).send().await;
    assert_eq!(released.json()["name"], "case 4");
    let gone = service.call("DELETE", &path).key(&admin).send().await;
    assert_eq!(gone.problem(), (404, "not_found".to_owned()));
    // Names that no hold can have.
    for name in ["a%00b", "%0A", &"x".repeat(201)] {
        let call = service.call("DELETE", &format!("{HOLDS}/{name}")).key(&admin);
        assert_eq!(call.send().await.problem(), (404, "not_found".to_owned()), "{name}");
    }
    let erased = service.call("POST", ERASURES).key(&eraser).json(&erase).send().await;
    assert_eq!(erased.status.as_u16(), 200, "{erased:?}");
}
