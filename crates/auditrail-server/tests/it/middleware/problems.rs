//! Error responses have the same form and a stable code.

use std::time::Duration;

use auditrail_server::ServerConfig;
use sqlx::Executor;

use crate::support::service::Service;

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let service = Service::start().await;
    let nothing = service.get("/v2/records").key("all").send().await;
    assert_eq!(nothing.problem(), (404, "no_such_route".to_owned()));
    let method = crate::support::client::Call::new(service.address, "DELETE", "/v1/audit-logs");
    let method = method.key("all").send().await;
    assert_eq!(method.problem(), (405, "method_not_allowed".to_owned()));
    assert!(method.header("allow").contains("GET"));
}

#[tokio::test]
async fn a_browser_is_directed_to_the_description() {
    let service = Service::start().await;
    for (path, status) in [("/", 404), ("/nothing", 404), ("/docs", 401), ("/openapi.json", 401)] {
        let answer = service.get(path).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("admin listener") && detail.contains("/docs"), "{detail}");
    }
    assert_eq!(service.get("/docs").key("read").send().await.status.as_u16(), 200);
}

#[tokio::test]
async fn every_invalid_parameter_is_reported() {
    let service = Service::start().await;
    let path = "/v1/audit-logs?limit=0&actor=u1&start_date=x&count=all&limit=3";
    let answer = service.get(path).key("read").send().await;
    assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()));
    let expected = [
        ("limit", "out_of_range"),
        ("actor", "bad_format"),
        ("start_date", "bad_format"),
        ("count", "unknown_value"),
        ("limit", "duplicate_field"),
    ];
    assert_eq!(answer.errors(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[tokio::test]
async fn a_query_that_is_not_utf8_is_rejected() {
    let service = Service::start().await;
    let path = "/v1/audit-logs?actor_id=a%ff";
    let answer = service.get(path).key("read").send().await;
    assert_eq!(answer.problem(), (400, "bad_query".to_owned()));
    let meant = service.get("/v1/audit-logs?actor_id=a%EF%BF%BD").key("read").send().await;
    assert_eq!(meant.status.as_u16(), 200);
}

#[tokio::test]
async fn router_errors_are_problems_even_if_compressed() {
    let service = Service::start().await;
    let path = "/v1/audit-logs/%ff";
    let answer = service.get(path).key("read").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.problem(), (400, "bad_request".to_owned()));
    assert_eq!(answer.header("content-encoding"), "");
}

#[tokio::test]
async fn a_request_timeout_is_503() {
    let config =
        ServerConfig { request_timeout: Duration::from_millis(1), ..ServerConfig::default() };
    let service = Service::start_with(config).await;
    // The search blocks on this lock, however fast the machine.
    let mut owner = service.db.connect(service.db.owner()).await;
    let lock = "begin; lock table control_plane.audit_logs in access exclusive mode";
    owner.execute(sqlx::raw_sql(lock)).await.unwrap();
    let answer = service.get("/v1/audit-logs").key("read").send().await;
    assert_eq!(answer.problem(), (503, "timeout".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn an_unreachable_database_is_503_without_details() {
    let service = Service::start().await;
    service.log.pool().close().await;
    let answer = service.get("/v1/audit-logs").key("read").send().await;
    assert_eq!(answer.problem(), (503, "database_unreachable".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_panic_is_500_without_details() {
    let service = Service::start().await;
    let answer = service.get("/v1/audit-logs").key("panic").send().await;
    assert_eq!(answer.problem(), (500, "internal".to_owned()));
    assert!(!String::from_utf8_lossy(&answer.body).contains("a handler may panic"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}
