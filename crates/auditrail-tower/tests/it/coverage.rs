//! Mutating routes that no rule matches.

use axum::Router;
use axum::routing::{any, get};
use http::StatusCode;
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _};

use crate::sink::MemorySink;
use crate::support::{layer, request, send, text};

const POLICY: &str = r#"
failure = "best_effort"
[[rule]]
name = "quiet"
route = "/quiet"
level = "none"
[[rule]]
name = "used"
route = "/used/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
[[rule]]
name = "never"
route = "/never"
level = "none"
"#;

fn app() -> Router {
    let inner = Router::new().route("/things/{id}", any(async || "ok"));
    Router::new()
        .route("/quiet", any(async || "ok"))
        .route("/used/{id}", any(async || "ok"))
        .route("/uncovered/{id}", any(async || "ok"))
        .route("/broken", any(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/missing/{id}", any(async || StatusCode::NOT_FOUND))
        .route("/read", get(async || "ok"))
        .nest("/nested", inner)
}

const REQUESTS: [(&str, &str); 11] = [
    ("POST", "/quiet"),
    ("POST", "/used/1"),
    ("GET", "/used/1"),
    ("POST", "/uncovered/1?token=planted"),
    ("POST", "/uncovered/2"),
    ("DELETE", "/uncovered/2"),
    ("GET", "/uncovered/2"),
    ("PUT", "/broken"),
    ("POST", "/missing/7"),
    ("PATCH", "/nested/things/1"),
    ("POST", "/nowhere"),
];

#[tokio::test]
async fn uncovered_routes_have_axum_patterns() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let app = app().layer(audit.clone());
    for (method, path) in REQUESTS {
        text(send(&app, request(method, path, &Value::Null)).await).await;
    }
    let report = audit.policy().coverage();
    let named: Vec<String> = report
        .uncovered
        .iter()
        .map(|seen| format!("{} {} {}", seen.method, seen.route, seen.requests))
        .collect();
    assert_eq!(
        named,
        [
            "POST /uncovered/{id} 2",
            "PUT /broken 1",
            "POST /missing/{id} 1",
            "PATCH /nested/things/{id} 1",
            "DELETE /uncovered/{id} 1",
        ]
    );
    assert_eq!((report.covered, report.uncovered_requests, report.unrouted), (2, 6, 1));
    assert_eq!(report.unused_rules, ["never"]);
    assert_eq!(audit.counts().uncovered, 6);
    assert_eq!(audit.counts().recorded, 2);
}

#[tokio::test]
async fn uncovered_routes_of_a_wrapped_service_are_paths() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let service = audit.layer(app());
    for (method, path) in REQUESTS {
        let asked = request(method, path, &Value::Null);
        drop(service.clone().oneshot(asked).await.unwrap());
    }
    let report = audit.policy().coverage();
    let routes: Vec<&str> = report.uncovered.iter().map(|seen| seen.route.as_str()).collect();
    let expected = ["/broken", "/nested/things/1", "/uncovered/1", "/uncovered/2", "/uncovered/2"];
    assert_eq!(routes, expected);
    // From outside, a handler that returns 404 looks like a missing route.
    assert_eq!(report.unrouted, 2);
}

#[tokio::test]
async fn assert_covered_names_each_route() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let app = app().layer(audit.clone());
    text(send(&app, request("POST", "/quiet", &Value::Null)).await).await;
    text(send(&app, request("POST", "/nowhere", &Value::Null)).await).await;
    audit.policy().assert_covered();
    text(send(&app, request("POST", "/uncovered/1", &Value::Null)).await).await;
    text(send(&app, request("PUT", "/broken", &Value::Null)).await).await;
    let failed = {
        let policy = audit.policy();
        std::panic::catch_unwind(|| policy.assert_covered()).unwrap_err()
    };
    let message = failed.downcast_ref::<String>().unwrap();
    assert!(message.contains("PUT /broken (1), POST /uncovered/{id} (1)"), "{message}");
}

#[tokio::test]
async fn success_is_uncovered_if_rules_match_only_failures() {
    const REFUSALS: &str = r#"
        failure = "best_effort"
        [[rule]]
        route = "/{*rest}"
        status = ["401", "403"]
        action = "access.refused"
        target_type = "route"
        "#;
    let sink = MemorySink::new();
    let audit = layer(REFUSALS, &sink);
    let app = Router::new()
        .route("/refunds/{id}", any(async || StatusCode::ACCEPTED))
        .route("/secret", any(async || StatusCode::FORBIDDEN))
        .route("/wrong", any(async || StatusCode::CONFLICT))
        .layer(audit.clone());
    for (method, path) in [
        ("POST", "/refunds/1"),
        ("GET", "/refunds/1"),
        ("POST", "/secret"),
        ("POST", "/wrong"),
        ("POST", "/nowhere"),
    ] {
        text(send(&app, request(method, path, &Value::Null)).await).await;
    }
    let report = audit.policy().coverage();
    let named: Vec<_> = report.uncovered.iter().map(|seen| seen.route.as_str()).collect();
    assert_eq!(named, ["/refunds/{id}"]);
    assert_eq!((report.covered, report.uncovered_requests), (3, 1));
    assert_eq!(audit.counts().uncovered, 1);
    sink.record().await;
}
