//! `/v1/retention/rules`.

use auditrail_core::{AuditLogService, Query, Scope};
use serde_json::{Value, json};

use crate::routes::openapi::{described, fits, names};
use crate::support::client::Answer;
use crate::support::db_keys::ServiceWithDbKeys;

const RULES: &str = "/v1/retention/rules";

async fn set(service: &ServiceWithDbKeys, key: &str, rule: &Value) -> Answer {
    service.call("PUT", RULES).key(key).json(rule).send().await
}

/// The records about rules, oldest first.
async fn records(service: &ServiceWithDbKeys) -> Vec<Value> {
    let page = service.log.query(&Query::default()).await.unwrap();
    let records = page.records.iter().rev().map(|record| serde_json::to_value(record).unwrap());
    let is_about_rules = |record: &Value| {
        record["action"].as_str().is_some_and(|action| action.starts_with("audit_log.retention_"))
    };
    records.filter(is_about_rules).collect()
}

#[tokio::test]
async fn rules_are_set_changed_listed_and_removed() {
    let service = ServiceWithDbKeys::start().await;
    let key = service.token(&[Scope::Admin], None).await;
    let rule = json!({"tenant_id": "t1", "action": "project.*", "keep_days": 365});
    let created = set(&service, &key, &rule).await;
    assert_eq!(created.status.as_u16(), 201, "{created:?}");
    let created = created.json();
    let schema = described("RetentionRule");
    assert_eq!(names(&created), names(&schema["properties"]));
    for (name, value) in created.as_object().unwrap() {
        assert!(fits(&schema["properties"][name], value), "{name}: {value}");
    }
    for field in ["tenant_id", "action", "keep_days"] {
        assert_eq!(created[field], rule[field]);
    }
    assert_eq!(set(&service, &key, &rule).await.status.as_u16(), 200);
    let longer = json!({"tenant_id": "t1", "action": "project.*"});
    let changed = set(&service, &key, &longer).await;
    assert_eq!(changed.status.as_u16(), 200, "{changed:?}");
    assert_eq!(
        (&changed.json()["id"], &changed.json()["keep_days"]),
        (&created["id"], &Value::Null)
    );

    let listed = service.get(RULES, &key).await.json();
    assert_eq!(listed, json!({"data": [changed.json()]}));
    let path = format!("{RULES}/{}", created["id"].as_str().unwrap());
    let removed = service.call("DELETE", &path).key(&key).send().await;
    assert_eq!((removed.status.as_u16(), removed.json()), (200, changed.json()));
    let again = service.call("DELETE", &path).key(&key).send().await;
    assert_eq!(again.problem(), (404, "not_found".to_owned()));
    assert_eq!(service.get(RULES, &key).await.json(), json!({"data": []}));

    let records = records(&service).await;
    let actions: Vec<&Value> = records.iter().map(|record| &record["action"]).collect();
    assert_eq!(
        actions,
        [
            "audit_log.retention_rule_set",
            "audit_log.retention_rule_set",
            "audit_log.retention_rule_removed"
        ]
    );
    for record in &records {
        assert_eq!(
            (&record["tenant_id"], &record["actor_type"]),
            (&"t1".into(), &"api_key".into())
        );
    }
    assert_eq!(records[1]["metadata"]["former_keep_days"], 365);
}

#[tokio::test]
async fn key_of_a_tenant_reads_its_rules_and_changes_none() {
    let service = ServiceWithDbKeys::start().await;
    let (operator, tenant) = (
        service.token(&[Scope::Admin], None).await,
        service.token(&[Scope::Admin], Some("t1")).await,
    );
    for rule in [
        json!({"keep_days": 400}),
        json!({"tenant_id": "t1", "keep_days": 500}),
        json!({"tenant_id": "t2", "keep_days": 600}),
    ] {
        assert_eq!(set(&service, &operator, &rule).await.status.as_u16(), 201);
    }
    let listed = service.get(RULES, &tenant).await.json();
    let days: Vec<&Value> =
        listed["data"].as_array().unwrap().iter().map(|rule| &rule["keep_days"]).collect();
    assert_eq!(days, [400, 500]);
    // Neither for its own records, nor through the rule of all tenants.
    for rule in [json!({"tenant_id": "t1", "keep_days": 7}), json!({"keep_days": 7})] {
        let refused = set(&service, &tenant, &rule).await;
        assert_eq!(refused.problem(), (403, "other_tenant".to_owned()));
    }
    for rule in listed["data"].as_array().unwrap() {
        let path = format!("{RULES}/{}", rule["id"].as_str().unwrap());
        let refused = service.call("DELETE", &path).key(&tenant).send().await;
        assert_eq!(refused.problem(), (403, "other_tenant".to_owned()));
    }
    assert_eq!(service.get(RULES, &operator).await.json()["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn invalid_rules_are_refused_with_every_error() {
    let service = ServiceWithDbKeys::start().await;
    let key = service.token(&[Scope::Admin], None).await;
    let wrong = json!({"tenant_id": "", "action": "*", "keep_days": 6, "days": 1});
    let refused = set(&service, &key, &wrong).await;
    assert_eq!(refused.problem(), (422, "invalid_retention_rule".to_owned()));
    let errors = refused.json()["errors"].clone();
    let pointers: Vec<&str> =
        errors.as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/tenant_id", "/action", "/keep_days", "/days"]);
    let not_json = service.call("PUT", RULES).key(&key);
    let not_json = not_json.body("application/json", "{").send().await;
    assert_eq!(not_json.problem(), (400, "not_json".to_owned()));
    assert_eq!(records(&service).await, Vec::<Value>::new());
}
