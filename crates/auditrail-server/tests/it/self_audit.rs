//! Audited reads: recorded exactly once, or refused.

use auditrail_core::{
    AuditLogService, BatchOutcome, CreateInput, Created, CursorKey, OnInvalid, Query, Scope,
};
use auditrail_server::{
    App, GroupWrites, ServerConfig, StoredKeys, WriteOrigin, Writes, WritesError, router,
};
use auditrail_store::{PgApiKeys, PgAuditLog};
use auditrail_testkit::TestDb;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::service::{Running, Service, input, record, writes};
use crate::support::signed::sign;

const ONE: &str = "/v1/audit-logs/00000000-0000-0000-0000-000000000001";
const PROOF: &str = "/v1/audit-logs/00000000-0000-0000-0000-000000000001/proof";
/// Every request that reads records.
const READS: [&str; 8] = [
    "/v1/audit-logs",
    "/v1/audit-logs/stats",
    "/v1/audit-logs/histogram?bars=9",
    "/v1/audit-logs/facets?tenant_id=t1",
    "/v1/audit-logs/values?field=actor_id&prefix=u",
    ONE,
    PROOF,
    "/v1/audit-logs/export?format=csv",
];

fn recording() -> ServerConfig {
    ServerConfig { record_reads: true, ..ServerConfig::default() }
}

async fn with_one_record(running_service: &ServiceWithDbKeys) {
    let one = vec![input(&record(1, Some("t1")))];
    running_service.log.create_many(one, OnInvalid::Refuse).await.unwrap();
    running_service.db.sequence().await;
    sign(&running_service.db).await;
}

/// The audit records of the log about itself, newest first.
async fn self_audit_records(log: &PgAuditLog) -> Vec<(String, serde_json::Value)> {
    let page = log.query(&Query::default()).await.unwrap();
    let records = page.records.iter().filter(|r| r.target.target_type.as_str() == "audit_log");
    let metadata = |text: &str| serde_json::from_str(text).unwrap();
    records
        .map(|r| (r.action.as_str().to_owned(), metadata(r.metadata.as_ref().unwrap().as_str())))
        .collect()
}

#[tokio::test]
async fn each_read_is_audited_with_its_parameters() {
    let running_service = ServiceWithDbKeys::start_with(recording()).await;
    with_one_record(&running_service).await;
    let token = running_service.token(&Scope::ALL, None).await;
    for path in READS {
        assert_eq!(running_service.get(path, &token).await.status.as_u16(), 200, "{path}");
    }
    // A missing record was not read.
    let nothing = "/v1/audit-logs/00000000-0000-0000-0000-000000000009";
    for nothing in [nothing.to_owned(), format!("{nothing}/proof")] {
        assert_eq!(running_service.get(&nothing, &token).await.status.as_u16(), 404);
    }
    let expected = [
        ("audit_log.exported", json!({"format": "csv", "filters": {}})),
        ("audit_log.read", json!({"call": "proof", "id": ONE.rsplit_once('/').unwrap().1})),
        ("audit_log.read", json!({"call": "get", "id": ONE.rsplit_once('/').unwrap().1})),
        ("audit_log.read", json!({"call": "values", "field": "actor_id", "prefix": "u"})),
        ("audit_log.read", json!({"call": "facets", "filters": {"tenant_id": "t1"}})),
        ("audit_log.read", json!({"call": "histogram", "filters": {}})),
        ("audit_log.read", json!({"call": "stats", "filters": {}})),
        ("audit_log.read", json!({"call": "list", "filters": {}})),
    ];
    assert_eq!(
        self_audit_records(&running_service.log).await,
        expected.map(|(action, self_audit_records)| (action.to_owned(), self_audit_records))
    );
}

#[tokio::test]
async fn a_read_that_cannot_be_audited_is_refused() {
    let right = "revoke insert on control_plane.audit_logs from auditrail_service";
    let rule = "alter table control_plane.audit_logs add constraint no_talk
                    check (action not like 'audit_log.%') not valid";
    for (obstacle, code, retry) in
        [(right, "permission_denied", "30"), (rule, "not_recorded", "30")]
    {
        let running_service = ServiceWithDbKeys::start_with(recording()).await;
        with_one_record(&running_service).await;
        let token = running_service.token(&Scope::ALL, None).await;
        running_service.db.as_owner(obstacle).await;
        for path in READS {
            let answer = running_service.get(path, &token).await;
            assert_eq!(answer.problem(), (503, code.to_owned()), "{path}");
            assert_eq!(answer.header("retry-after"), retry, "{path}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("project"), "{path}");
        }
        assert!(self_audit_records(&running_service.log).await.is_empty());
    }
}

/// Writes everything twice, like a writer that retries after a lost response.
struct Twice(GroupWrites);

impl Writes for Twice {
    fn create(
        &self,
        input: CreateInput,
        origin: WriteOrigin,
    ) -> BoxFuture<'_, Result<Created, WritesError>> {
        Box::pin(async move {
            self.0.create(input.clone(), origin.clone()).await?;
            self.0.create(input, origin).await
        })
    }

    fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
        origin: WriteOrigin,
    ) -> BoxFuture<'_, Result<BatchOutcome, WritesError>> {
        self.0.create_many(inputs, on_invalid, origin)
    }
}

#[tokio::test]
async fn a_retried_audit_record_is_written_once() {
    let db = TestDb::migrated().await;
    let pool = db.pool(db.service()).await;
    let log = PgAuditLog::new(pool.clone(), CursorKey::public());
    let keys = PgApiKeys::new(pool);
    let writes = Twice(writes(&log));
    let app = App::new(recording(), log.clone(), StoredKeys::new(keys.clone()), writes);
    let running = Running::start(router(app.clone()), recording()).await;
    let running_service = ServiceWithDbKeys { db, keys, log, running, app };
    with_one_record(&running_service).await;
    let token = running_service.token(&Scope::ALL, None).await;
    for path in READS {
        assert_eq!(running_service.get(path, &token).await.status.as_u16(), 200, "{path}");
    }
    assert_eq!(self_audit_records(&running_service.log).await.len(), READS.len());
}

#[tokio::test]
async fn a_duplicate_does_not_leak_an_unaudited_read() {
    for (config, plan) in
        [(ServerConfig::default(), json!({"plan": "pro"})), (recording(), json!({}))]
    {
        let service = Service::start_with(config).await;
        service.write(vec![record(1, None)]).await;
        let mut again = record(1, None);
        again.as_object_mut().unwrap().remove("metadata");
        let answer = service.post("/v1/audit-logs").key("all").json(&again).send().await;
        assert_eq!((answer.status.as_u16(), &answer.json()["metadata"]), (200, &plan));
        let metadata = service.get(ONE).key("all").send().await.json()["metadata"].clone();
        assert_eq!(metadata, json!({"plan": "pro"}));
    }
}

#[tokio::test]
async fn reads_are_audited_if_configured() {
    let config = ServerConfig { record_reads: true, ..Default::default() };
    let service = Service::start_with(config).await;
    service.write(vec![record(1, Some("t1"))]).await;
    let one = "/v1/audit-logs/00000000-0000-0000-0000-000000000001";
    for path in ["/v1/audit-logs?actor_id=u1", "/v1/audit-logs/stats?tenant_id=t1", one] {
        let call = service.get(path).key("read").header("x-forwarded-for", "203.0.113.9");
        let answer = call.header("user-agent", "curl/8").header("x-request-id", "r1").send().await;
        assert_eq!(answer.status.as_u16(), 200);
    }
    let path = "/v1/audit-logs?action=audit_log.read&actor_type=api_key&actor_id=key-read";
    let page = service.get(path).key("read").send().await.json();
    let page = page["data"].as_array().unwrap();
    // This search is audited too.
    assert_eq!(page.len(), 4);
    let tenants: Vec<_> = page.iter().map(|row| row["tenant_id"].as_str()).collect();
    assert_eq!(tenants, [None, Some("t1"), Some("t1"), None]);
    let first = &page[3];
    assert_eq!(first["metadata"]["filters"]["actor_id"], "u1");
    assert_eq!(first["ip_address"], "127.0.0.1");
    assert_eq!((&first["user_agent"], &first["request_id"]), (&"curl/8".into(), &"r1".into()));
    assert_eq!((&first["target_type"], &first["target_id"]), (&"audit_log".into(), &"all".into()));
}
