//! Cross-origin requests.

use auditrail_server::{CorsConfig, ServerConfig};

use crate::support::client::{Answer, Call};
use crate::support::service::Service;

const PAGE: &str = "https://console.example";

async fn allowing(origins: &[&str]) -> Service {
    let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
    let cors = Some(CorsConfig::new(origins));
    Service::start_with(ServerConfig { cors, ..ServerConfig::default() }).await
}

async fn preflight(service: &Service, origin: &str) -> Answer {
    Call::new(service.address, "OPTIONS", "/v1/audit-logs")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
}

#[tokio::test]
async fn cors_is_off_by_default() {
    let service = Service::start().await;
    let response = preflight(&service, PAGE).await;
    assert_eq!(response.problem(), (405, "method_not_allowed".to_owned()));
    assert!(response.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn a_listed_origin_may_send_requests_with_a_key() {
    let service = allowing(&["https://other.example", PAGE]).await;
    let response = preflight(&service, PAGE).await;
    assert_eq!(response.status.as_u16(), 200);
    assert_eq!(response.header("access-control-allow-origin"), PAGE);
    assert_eq!(response.header("access-control-allow-methods"), "GET,POST,DELETE");
    let headers = response.header("access-control-allow-headers");
    for name in ["authorization", "content-type", "idempotency-key"] {
        assert!(headers.split(',').any(|one| one == name), "{headers}");
    }
    assert_eq!(response.header("access-control-max-age"), "7200");
    assert!(response.headers.get("access-control-allow-credentials").is_none());
    assert!(response.header("vary").contains("origin"));

    let answer = service.get("/v1/audit-logs").key("read").header("origin", PAGE).send().await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
    let refused = service.get("/v1/audit-logs").header("origin", PAGE).send().await;
    assert_eq!(refused.problem(), (401, "no_key".to_owned()));
    assert_eq!(refused.header("access-control-allow-origin"), PAGE);
}

#[tokio::test]
async fn other_origins_are_not_allowed() {
    let service = allowing(&[PAGE]).await;
    for origin in [
        "https://evil.example",
        "https://console.example.evil.example",
        "http://console.example",
        "null",
    ] {
        let response = preflight(&service, origin).await;
        assert!(response.headers.get("access-control-allow-origin").is_none(), "{origin}");
        let call = service.get("/v1/audit-logs").key("read").header("origin", origin);
        assert!(call.send().await.headers.get("access-control-allow-origin").is_none(), "{origin}");
    }
}
