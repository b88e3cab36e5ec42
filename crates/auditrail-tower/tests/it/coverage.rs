//! Mutating routes that no rule is about.

use axum::Router;
use axum::routing::{any, get};
use http::StatusCode;
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _};

use crate::sink::MemorySink;
use crate::support::{ask, layer, request, text};

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
async fn routes_without_a_rule_are_named_as_axum_knows_them() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let app = app().layer(audit.clone());
    for (method, path) in REQUESTS {
        text(ask(&app, request(method, path, &Value::Null)).await).await;
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
async fn around_a_whole_application_they_are_named_by_their_paths() {
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
    // A handler that answers 404 and a route that is not there look the same from outside.
    assert_eq!(report.unrouted, 2);
}

#[tokio::test]
async fn a_test_suite_fails_naming_each_route() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let app = app().layer(audit.clone());
    text(ask(&app, request("POST", "/quiet", &Value::Null)).await).await;
    text(ask(&app, request("POST", "/nowhere", &Value::Null)).await).await;
    audit.policy().assert_covered();
    text(ask(&app, request("POST", "/uncovered/1", &Value::Null)).await).await;
    text(ask(&app, request("PUT", "/broken", &Value::Null)).await).await;
    let failed = {
        let policy = audit.policy();
        std::panic::catch_unwind(|| policy.assert_covered()).unwrap_err()
    };
    let said = failed.downcast_ref::<String>().unwrap();
    assert!(said.contains("PUT /broken (1), POST /uncovered/{id} (1)"), "{said}");
}

#[tokio::test]
async fn a_deed_that_succeeds_is_uncovered_where_rules_are_about_its_failures_alone() {
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
        text(ask(&app, request(method, path, &Value::Null)).await).await;
    }
    let report = audit.policy().coverage();
    let named: Vec<_> = report.uncovered.iter().map(|seen| seen.route.as_str()).collect();
    assert_eq!(named, ["/refunds/{id}"]);
    assert_eq!((report.covered, report.uncovered_requests), (3, 1));
    assert_eq!(audit.counts().uncovered, 1);
    sink.record().await;
}
