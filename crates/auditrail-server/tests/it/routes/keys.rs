//! `/v1/keys`, with API keys in the database.

use std::collections::BTreeSet;

use auditrail_core::{ApiKeySecret, AuditLogService, Query, Scope};
use serde_json::{Value, json};

use crate::routes::openapi::{described, fits, names};
use crate::support::client::Answer;
use crate::support::db_keys::ServiceWithDbKeys;

const KEYS: &str = "/v1/keys";

async fn make(service: &ServiceWithDbKeys, admin: &str, body: &Value) -> Answer {
    service.call("POST", KEYS).key(admin).json(body).send().await
}

async fn revoke(service: &ServiceWithDbKeys, admin: &str, id: &str) -> Answer {
    service.call("DELETE", &format!("{KEYS}/{id}")).key(admin).send().await
}

fn ids(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    let keys = page["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    keys.iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

/// The audit records about keys except the creation of the first one, newest first.
async fn audit_records(service: &ServiceWithDbKeys) -> Vec<Value> {
    let page = service.log.query(&Query::default()).await.unwrap();
    let mut records: Vec<_> =
        page.records.iter().map(|r| serde_json::to_value(r).unwrap()).collect();
    records.truncate(records.len() - 1);
    records
}

#[tokio::test]
async fn a_new_key_is_returned_once_valid_at_once_and_audited() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.key(&[Scope::Admin], None).await;
    let request = json!({"name": "deploy", "scopes": ["write", "read"], "tenant_id": "t1",
        "environment": "t3st", "expires_at": "2999-01-02T03:04:05Z"});
    let call =
        service.call("POST", KEYS).key(admin.secret.expose()).header("x-request-id", "req-7");
    let answer = call.header("user-agent", "curl/8").json(&request).send().await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let created = answer.json();
    let secret: ApiKeySecret = created["key"].as_str().unwrap().parse().unwrap();
    assert_eq!(created["hint"], secret.hint().as_str());
    assert_eq!(
        (&created["name"], &created["scopes"]),
        (&request["name"], &json!(["write", "read"]))
    );
    assert_eq!((&created["tenant_id"], &created["environment"]), (&"t1".into(), &"t3st".into()));
    assert_eq!(created["expires_at"], "2999-01-02T03:04:05.000000Z");
    assert_eq!(created["created_by"], format!("api_key:{}", admin.key.id));
    assert_eq!(service.get("/v1/audit-logs", secret.expose()).await.status.as_u16(), 200);

    let list = service.get(KEYS, admin.secret.expose()).await;
    let mut listed = created.clone();
    listed.as_object_mut().unwrap().retain(|name, _| name != "key" && name != "environment");
    assert_eq!(list.json()["data"][1], listed);
    assert!(!String::from_utf8_lossy(&list.body).contains(secret.expose()));

    let [record] = &audit_records(&service).await[..] else { panic!("one record") };
    assert_eq!(
        (&record["actor_type"], &record["action"]),
        (&"api_key".into(), &"key.created".into())
    );
    assert_eq!(record["actor_id"], admin.key.id.to_string());
    assert_eq!((&record["target_type"], &record["target_id"]), (&"api_key".into(), &created["id"]));
    assert_eq!((&record["tenant_id"], &record["request_id"]), (&"t1".into(), &"req-7".into()));
    assert_eq!(
        (&record["ip_address"], &record["user_agent"]),
        (&"127.0.0.1".into(), &"curl/8".into())
    );
    assert_eq!(record["metadata"]["sha256"], secret.hash().to_string());
}

#[tokio::test]
async fn every_invalid_field_of_a_new_key_is_reported() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.token(&[Scope::Admin], None).await;
    let body =
        json!({"scopes": ["read", "root"], "expires_at": "2020-01-01T00:00:00Z", "tenant": 1});
    let answer = make(&service, &admin, &body).await;
    assert_eq!(answer.problem(), (422, "invalid_new_key".to_owned()));
    let expected = [
        ("/scopes/1", "unknown_value"),
        ("/expires_at", "out_of_range"),
        ("/tenant", "unknown_field"),
    ];
    assert_eq!(answer.errors(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let not_json =
        service.call("POST", KEYS).key(&admin).body("application/json", "{").send().await;
    assert_eq!(not_json.problem(), (400, "not_json".to_owned()));
    let form = service.call("POST", KEYS).key(&admin).body("text/plain", "{}").send().await;
    assert_eq!(form.problem(), (415, "unsupported_media_type".to_owned()));
    let request =
        service.call("POST", "/v1/keys?name=x").key(&admin).json(&json!({"scopes": ["read"]}));
    assert_eq!(request.send().await.errors(), [("name".to_owned(), "unknown_field".to_owned())]);
    assert!(audit_records(&service).await.is_empty());
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_stays_listed() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.token(&[Scope::Admin], None).await;
    let created = make(&service, &admin, &json!({"scopes": ["read"]})).await.json();
    let (id, token) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    assert_eq!(service.get("/v1/audit-logs", token).await.status.as_u16(), 200);
    let first = revoke(&service, &admin, id).await;
    assert_eq!(first.status.as_u16(), 200);
    assert!(first.json()["revoked_at"].is_string());
    assert_eq!(service.get("/v1/audit-logs", token).await.problem().0, 401);
    let again = revoke(&service, &admin, id).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(service.get(KEYS, &admin).await.json()["data"][1], first.json());
    let audit_records = audit_records(&service).await;
    let actions: Vec<_> =
        audit_records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["key.revoked", "key.created"]);
    for id in ["00000000-0000-0000-0000-000000000009", "x", "%00"] {
        assert_eq!(revoke(&service, &admin, id).await.problem(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn the_last_admin_key_can_be_revoked() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.key(&[Scope::Admin], None).await;
    let (id, token) = (admin.key.id.to_string(), admin.secret.expose());
    assert_eq!(revoke(&service, token, &id).await.status.as_u16(), 200);
    assert_eq!(service.get(KEYS, token).await.problem(), (401, "invalid_key".to_owned()));
}

#[tokio::test]
async fn a_restricted_admin_manages_keys_of_its_tenant_only() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.key(&[Scope::Admin], Some("t1")).await;
    let token = admin.secret.expose();
    let (other, unbound) =
        (service.key(&[Scope::Read], Some("t2")).await, service.key(&[Scope::Read], None).await);
    // Any scope; the tenant may be given or left out.
    let every = json!(["write", "read", "export", "admin"]);
    let named = make(&service, token, &json!({"scopes": every, "tenant_id": "t1"})).await.json();
    let unnamed = make(&service, token, &json!({"scopes": every, "tenant_id": null})).await.json();
    assert_eq!((&named["tenant_id"], &unnamed["tenant_id"]), (&"t1".into(), &"t1".into()));
    let beyond = make(&service, token, &json!({"scopes": ["read"], "tenant_id": "t2"})).await;
    assert_eq!(beyond.problem(), (403, "other_tenant".to_owned()));
    let own: BTreeSet<_> = [&named["id"], &unnamed["id"], &json!(admin.key.id)]
        .map(|id| id.as_str().unwrap().to_owned())
        .into();
    for path in [KEYS, "/v1/keys?tenant_id=t1"] {
        assert_eq!(BTreeSet::from_iter(ids(&service.get(path, token).await)), own);
    }
    let beyond = service.get("/v1/keys?tenant_id=t2", token).await;
    assert_eq!(beyond.problem(), (403, "other_tenant".to_owned()));
    for foreign in [other.key.id, unbound.key.id] {
        let refused = revoke(&service, token, &foreign.to_string()).await;
        assert_eq!(refused.problem(), (404, "not_found".to_owned()));
        assert_eq!(service.keys.get(foreign).await.unwrap().unwrap().revoked_at, None);
    }
    assert_eq!(revoke(&service, token, named["id"].as_str().unwrap()).await.status.as_u16(), 200);
}

#[tokio::test]
async fn key_pages_are_linked_to_the_end() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.token(&[Scope::Admin], None).await;
    for number in 0..6 {
        service.key(&[Scope::Read], Some(["t1", "t2"][number % 2])).await;
    }
    for (filter, number) in [("", 7), ("&tenant_id=t1", 3)] {
        let all = ids(&service.get(&format!("{KEYS}?limit=1000{filter}"), &admin).await);
        assert_eq!(all.len(), number);
        let (mut page, mut path) = (Vec::new(), format!("{KEYS}?limit=2{filter}"));
        loop {
            let answer = service.get(&path, &admin).await;
            page.extend(ids(&answer));
            let pagination = &answer.json()["pagination"];
            let Some((next, _)) = answer.header("link").split_once('>') else {
                assert_eq!(
                    (&pagination["has_more"], &pagination["next_cursor"]),
                    (&json!(false), &Value::Null)
                );
                break;
            };
            assert_eq!(pagination["has_more"], true);
            path = next[1..].to_owned();
        }
        assert_eq!(page, all);
    }
    let wrong = service.get("/v1/keys?limit=0&cursor=x&name=a&tenant_id=", &admin).await;
    assert_eq!(wrong.problem(), (400, "invalid_parameter".to_owned()));
    let expected = [
        ("tenant_id", "empty"),
        ("limit", "out_of_range"),
        ("cursor", "invalid_cursor"),
        ("name", "unknown_field"),
    ];
    assert_eq!(wrong.errors(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[tokio::test]
async fn keys_do_not_change_without_an_audit_record() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.key(&[Scope::Admin], None).await;
    service.db.as_owner("revoke insert on control_plane.audit_logs from auditrail_service").await;
    let token = admin.secret.expose();
    let created = make(&service, token, &json!({"scopes": ["read"]})).await;
    assert_eq!(created.problem(), (503, "permission_denied".to_owned()));
    let gone = revoke(&service, token, &admin.key.id.to_string()).await;
    assert_eq!(gone.problem(), (503, "permission_denied".to_owned()));
    assert_eq!(ids(&service.get(KEYS, token).await), [admin.key.id.to_string()]);
}

#[tokio::test]
async fn keys_match_their_schemas() {
    let service = ServiceWithDbKeys::start().await;
    let admin = service.token(&[Scope::Admin], None).await;
    let issued = make(&service, &admin, &json!({"scopes": ["read"]})).await.json();
    let page = service.get("/v1/keys?limit=1", &admin).await.json();
    let revoked = revoke(&service, &admin, issued["id"].as_str().unwrap()).await.json();
    for (schema, sent) in [
        ("IssuedKey", &issued),
        ("KeyPage", &page),
        ("KeyPagination", &page["pagination"]),
        ("ApiKey", &page["data"][0]),
        ("ApiKey", &revoked),
    ] {
        let properties = &described(schema)["properties"];
        assert_eq!(names(sent), names(properties), "{schema}");
        for (name, value) in sent.as_object().unwrap() {
            assert!(fits(&properties[name], value), "{schema}.{name}: {properties}");
        }
    }
    // A body with every documented field is accepted, and one without the required fields is not.
    let full = json!({"name": "n", "scopes": ["read"], "tenant_id": "t1", "environment": "live",
        "expires_at": "2999-01-01T00:00:00Z"});
    assert_eq!(names(&full), names(&described("NewKey")["properties"]));
    assert_eq!(make(&service, &admin, &full).await.status.as_u16(), 201);
    assert_eq!(described("NewKey")["required"], json!(["scopes"]));
    let missing = make(&service, &admin, &json!({})).await.errors();
    assert_eq!(missing, [("/scopes".to_owned(), "required".to_owned())]);
}
