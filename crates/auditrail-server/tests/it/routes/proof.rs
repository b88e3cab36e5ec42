//! `GET /v1/audit-logs/{id}/proof`.

use auditrail_core::{AuditLogService, OnInvalid, Query, Scope};
use auditrail_evidence::{Disclosure, FIELDS, RecordProof};
use auditrail_server::ServerConfig;
use serde_json::json;

use super::openapi::{described, fits, names};
use crate::support::client::Answer;
use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::service::{input, record};
use crate::support::signed::{policy, sign};

fn path(number: u32) -> String {
    format!("/v1/audit-logs/{}/proof", uuid::Uuid::from_u128(number.into()))
}

/// Writes records of a tenant, and gives them entries.
async fn write(service: &ServiceWithDbKeys, numbers: std::ops::Range<u32>, tenant: Option<&str>) {
    let inputs = numbers.map(|number| input(&record(number, tenant))).collect();
    service.log.create_many(inputs, OnInvalid::Refuse).await.unwrap();
    service.db.sequence().await;
}

/// Edits as a superuser does it, past every guard.
async fn edit(service: &ServiceWithDbKeys, sql: &str) {
    let mut admin = service.db.connect(service.db.admin()).await;
    let off = "set session_replication_role = replica;
               alter table control_plane.audit_logs disable trigger user;";
    let sql = format!("{off} {sql}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
}

fn not_found(answer: &Answer) {
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn proof_shows_the_record_and_verifies() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    write(&service, 0..300, Some("t1")).await;
    let signed = sign(&service.db).await;
    for number in [0, 1, 255, 256, 299] {
        let answer = service.get(&path(number), &token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        let proof = RecordProof::parse(&answer.body).unwrap();
        let verified = proof.verify(&policy()).unwrap();
        assert_eq!(verified.id, uuid::Uuid::from_u128(number.into()));
        assert_eq!(verified.checkpoint.checkpoint, signed);
        let stored = record(number, Some("t1"));
        for field in FIELDS {
            let Disclosure::Shown { value, .. } = &proof.fields[field.index()] else {
                panic!("{} is not shown", field.as_str())
            };
            match (&stored[field.as_str()], value) {
                (serde_json::Value::String(sent), Some(shown)) => assert_eq!(sent, shown),
                (serde_json::Value::Object(_), Some(shown)) => {
                    assert_eq!(shown, r#"{"plan": "pro"}"#);
                }
                // Set by the service, or absent.
                (serde_json::Value::Null, _) => {}
                other => panic!("{}: {other:?}", field.as_str()),
            }
        }
    }
}

#[tokio::test]
async fn proof_matches_its_schema() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    write(&service, 1..2, None).await;
    sign(&service.db).await;
    let proof = service.get(&path(1), &token).await.json();
    let properties = &described("RecordProofDocument")["properties"];
    assert_eq!(names(&proof), names(properties));
    for (name, value) in proof.as_object().unwrap() {
        assert!(fits(&properties[name], value), "{name}: {properties}");
    }
    let field = &described("ProofField")["properties"];
    for (name, sent) in proof["fields"].as_object().unwrap() {
        for (member, value) in sent.as_object().unwrap() {
            assert!(fits(&field[member], value), "{name}.{member}: {field}");
        }
    }
    let expected = FIELDS.map(|field| field.as_str().to_owned()).into_iter().collect();
    assert_eq!(names(&proof["fields"]), expected);
}

#[tokio::test]
async fn record_without_a_checkpoint_is_503() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    let one = vec![input(&record(1, None))];
    service.log.create_many(one, OnInvalid::Refuse).await.unwrap();
    let not_ready = async || {
        let answer = service.get(&path(1), &token).await;
        assert_eq!(answer.problem(), (503, "proof_not_ready".to_owned()));
        assert_eq!(answer.header("retry-after"), "1");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("AUDITRAIL_SIGNING_KEY_FILE"), "{detail}");
    };
    // Without a seq, without a checkpoint, and with one of before.
    not_ready().await;
    sign(&service.db).await;
    not_ready().await;
    service.db.sequence().await;
    not_ready().await;
    sign(&service.db).await;
    assert_eq!(service.get(&path(1), &token).await.status, 200);
}

#[tokio::test]
async fn unknown_records_are_404_and_unknown_parameters_400() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    write(&service, 1..2, None).await;
    sign(&service.db).await;
    not_found(&service.get(&path(9), &token).await);
    for id in ["x", "%00", "1%2f2", ".."] {
        not_found(&service.get(&format!("/v1/audit-logs/{id}/proof"), &token).await);
    }
    let answer = service.get(&format!("{}?format=text", path(1)), &token).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.errors(), [("format".to_owned(), "unknown_field".to_owned())]);
}

#[tokio::test]
async fn tenant_cannot_prove_records_of_others() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], Some("t1")).await;
    write(&service, 1..2, Some("t1")).await;
    write(&service, 2..3, Some("t2")).await;
    write(&service, 3..4, None).await;
    for number in [2, 3] {
        // Not even that they are there, and not signed.
        not_found(&service.get(&path(number), &token).await);
    }
    sign(&service.db).await;
    assert_eq!(service.get(&path(1), &token).await.status, 200);
    edit(
        &service,
        "update control_plane.audit_logs set action = 'a.b' where action like 'project.%'",
    )
    .await;
    for number in [2, 3] {
        not_found(&service.get(&path(number), &token).await);
    }
}

#[tokio::test]
async fn altered_record_is_not_proved() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    write(&service, 1..3, Some("t1")).await;
    sign(&service.db).await;
    for (number, set) in [(1, "action = 'a.b'"), (2, "tenant_id = 't2'")] {
        let id = uuid::Uuid::from_u128(number.into());
        edit(&service, &format!("update control_plane.audit_logs set {set} where id = '{id}'"))
            .await;
        let answer = service.get(&path(number), &token).await;
        assert_eq!(answer.problem(), (500, "altered_record".to_owned()), "{set}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("fields"), "{answer:?}");
    }
}

#[tokio::test]
async fn proof_is_audited_with_the_tenant_of_the_record() {
    let config = ServerConfig { record_reads: true, ..ServerConfig::default() };
    let service = ServiceWithDbKeys::start_with(config).await;
    let token = service.token(&[Scope::Read], None).await;
    write(&service, 1..2, Some("t1")).await;
    sign(&service.db).await;
    assert_eq!(service.get(&path(1), &token).await.status, 200);
    // What was not read is not recorded.
    not_found(&service.get(&path(9), &token).await);
    let page = service.log.query(&Query::default()).await.unwrap();
    let reads = page.records.iter().filter(|record| record.action.as_str() == "audit_log.read");
    let reads: Vec<_> = reads.collect();
    assert_eq!(reads.len(), 1);
    assert_eq!(reads[0].tenant_id.as_ref().unwrap().as_str(), "t1");
    let metadata: serde_json::Value =
        serde_json::from_str(reads[0].metadata.as_ref().unwrap().as_str()).unwrap();
    let id = uuid::Uuid::from_u128(1).to_string();
    assert_eq!(metadata, json!({"call": "proof", "id": id}));
}

#[tokio::test]
async fn revoked_key_is_refused_in_the_same_request() {
    let service = ServiceWithDbKeys::start().await;
    let token = service.token(&[Scope::Read], None).await;
    write(&service, 1..2, None).await;
    sign(&service.db).await;
    assert_eq!(service.get(&path(1), &token).await.status, 200);
    service.db.as_owner("update control_plane.audit_api_keys set revoked_at = now()").await;
    let refused = (401, "invalid_key".to_owned());
    assert_eq!(service.get(&path(1), &token).await.problem(), refused);
}
