//! Rate limits. The windows are hours, so that budgets do not refill during a test.

use std::num::NonZeroU32;

use auditrail_server::{Budget, RateBudgets, ServerConfig};
use serde_json::json;

use crate::support::client::{Answer, Call};
use crate::support::service::{Service, record};

const HOUR: u32 = 3_600;

fn hourly(amount: u32) -> Option<Budget> {
    Some(Budget::new(NonZeroU32::new(amount).unwrap(), NonZeroU32::new(HOUR).unwrap()))
}

async fn service(budgets: RateBudgets) -> Service {
    Service::start_with(ServerConfig { budgets, ..ServerConfig::default() }).await
}

fn one(service: &Service, number: u32, key: &str) -> Call {
    service.post("/v1/audit-logs").key(key).json(&record(number, None))
}

fn limited() -> (u16, String) {
    (429, "rate_limited".to_owned())
}

/// The seconds of `t=` in the header.
fn reset(answer: &Answer) -> u64 {
    let (_, seconds) = answer.header("ratelimit").split_once(";t=").unwrap();
    seconds.parse().unwrap()
}

#[tokio::test]
async fn each_key_has_its_own_budget_and_sees_its_status() {
    let service = service(RateBudgets { query: hourly(3), ..RateBudgets::UNLIMITED }).await;
    for remaining in [2, 1, 0] {
        let answer = service.get("/v1/audit-logs").key("read").send().await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"query\";q=3;w=3600");
        assert!(answer.header("ratelimit").starts_with(&format!("\"query\";r={remaining};t=")));
        assert!((1..=u64::from(HOUR)).contains(&reset(&answer)));
    }
    for path in ["/v1/audit-logs", "/v1/audit-logs/stats", "/v1/audit-logs/x", "/openapi.json"] {
        let answer = service.get(path).key("read").send().await;
        assert_eq!(answer.problem(), limited(), "{path}");
        assert!(answer.header("ratelimit").starts_with("\"query\";r=0;t="), "{path}");
        let retry: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=u64::from(HOUR) / 3 + 1).contains(&retry), "{retry}");
    }
    let other = service.get("/v1/audit-logs").key("all").send().await;
    assert!(other.header("ratelimit").starts_with("\"query\";r=2;t="));
}

#[tokio::test]
async fn keys_of_a_tenant_share_its_budgets() {
    let service = service(RateBudgets { write: hourly(2), ..RateBudgets::UNLIMITED }).await;
    let write = |number, key| {
        service.post("/v1/audit-logs").key(key).json(&record(number, Some("t1"))).send()
    };
    for (number, key) in [(1, "all-t1"), (2, "write-t1")] {
        assert_eq!(write(number, key).await.status.as_u16(), 201);
    }
    for (number, key) in [(3, "all-t1"), (4, "write-t1")] {
        assert_eq!(write(number, key).await.problem(), limited());
    }
    assert_eq!(write(5, "write").await.status.as_u16(), 201);
}

#[tokio::test]
async fn write_query_and_export_budgets_are_separate() {
    let all = RateBudgets { write: hourly(1), query: hourly(1), export: hourly(1) };
    let service = service(all).await;
    let export = "/v1/audit-logs/export?format=csv";
    let calls = || {
        [
            (one(&service, 1, "all"), "write", ";qu=\"records\""),
            (service.get("/v1/audit-logs").key("all"), "query", ""),
            (service.get(export).key("all"), "export", ""),
        ]
    };
    for (call, name, unit) in calls() {
        let answer = call.send().await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
        let policy = format!("\"{name}\";q=1;w=3600{unit}");
        assert_eq!(answer.header("ratelimit-policy"), policy);
    }
    for (call, name, _) in calls() {
        assert_eq!(call.send().await.problem(), limited(), "{name}");
    }
    let keys = service.get("/v1/keys").key("all").send().await;
    assert_eq!(keys.problem(), limited());
}

#[tokio::test]
async fn a_batch_is_charged_per_record_and_may_overdraw() {
    let service = service(RateBudgets { write: hourly(10), ..RateBudgets::UNLIMITED }).await;
    let batch = |from: u32, to: u32| {
        let records: Vec<_> = (from..to).map(|number| record(number, None)).collect();
        service.post("/v1/audit-logs/batch").key("write").json(&json!(records))
    };
    let first = batch(0, 9).send().await;
    assert!(first.header("ratelimit").starts_with("\"write\";r=1;t="), "{first:?}");
    // One unit is left, which admits a batch larger than the budget.
    let large = batch(9, 39).send().await;
    assert_eq!(large.json()["created"], 30, "{large:?}");
    assert!(large.header("ratelimit").starts_with("\"write\";r=0;t="));
    // 39 of 10 per hour: the overdraft of 29 has to refill first.
    assert!(reset(&large) > 3 * u64::from(HOUR));
    let refused = one(&service, 50, "write").send().await;
    assert_eq!(refused.problem(), limited());
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 2 * u64::from(HOUR));
    assert_eq!(
        service.get("/v1/audit-logs?count=exact").key("read").send().await.json()["pagination"]["total"],
        39
    );
}

#[tokio::test]
async fn a_rate_limited_write_is_not_read_or_applied() {
    let service = service(RateBudgets { write: hourly(1), ..RateBudgets::UNLIMITED }).await;
    assert_eq!(one(&service, 1, "write").send().await.status.as_u16(), 201);
    let refused = service.post("/v1/audit-logs").key("write").body("text/plain", "no record");
    assert_eq!(refused.send().await.problem(), limited());
    assert_eq!(one(&service, 2, "write").send().await.problem(), limited());
    let remaining = service.get("/v1/audit-logs?count=exact").key("read").send().await;
    assert_eq!(remaining.json()["pagination"]["total"], 1);
}

#[tokio::test]
async fn unlimited_requests_have_no_rate_limit_headers() {
    let service = Service::start().await;
    let write = one(&service, 1, "write").send().await;
    assert!(!write.headers.contains_key("ratelimit-policy"));
    // Queries have a default budget; unauthenticated responses do not report it.
    let read = service.get("/v1/audit-logs").key("read").send().await;
    assert_eq!(read.header("ratelimit-policy"), "\"query\";q=600000;w=60");
    for key in ["wrong", "write"] {
        let stranger = service.get("/v1/audit-logs").key(key).send().await;
        assert!(!stranger.headers.contains_key("ratelimit-policy"), "{key}");
    }
}
