//! Paths that an upstream resolves to another route than the one they seem to have.

use auditrail_core::Outcome;
use axum::http::Method;

use super::gateway::Gateway;

const POLICY: &str = r#"
version = 1
failure = "spool"

[[rule]]
name = "assets are not recorded"
route = "/api/public/{*rest}"
level = "none"

[[rule]]
name = "project deleted"
methods = ["DELETE"]
route = "/api/projects/{id}"
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }

[[rule]]
name = "key revoked"
methods = ["DELETE"]
route = "/api/keys/{id}"
action = "key.revoked"
target_type = "api_key"
target_id = { path = "id" }
failure = "must"
"#;

const TARGETS: [&str; 29] = [
    "/api/projects/p",
    "/api/public/../projects/p",
    "/api/public/%2e%2e/projects/p",
    "/api/public/%2E./projects/p",
    "/api/public/..%2fprojects/p",
    "/api/public/..%2Fprojects%2Fp",
    "/api/public/x/..;/../projects/p",
    "/api/public/..;a=b/projects/p",
    "/api/public/x/../../projects/p",
    "/api/public//../projects/p",
    "/api/public/./../projects/p",
    "/api/public/..%5cprojects%5cp",
    "/api/public/..%2fprojects%2fp%zz",
    "/api/projects/x/../p",
    "/api//projects//p/",
    "/API/projects/p",
    "/api/PROJECTS/p",
    "/api/projects%2fp",
    "/api/%70rojects/p",
    "http://evil/api/projects/p",
    "http://evil/api/public/../projects/p",
    "/api/projects/p?x=1",
    "/api/projects/p/.",
    "/api/./projects/p",
    "/api;v=1/projects/p",
    "/api/public/..\\projects\\p",
    "//api/public/../projects/p",
    "/api/public/../keys/k",
    "/api/projects/..%2fkeys%2fk",
];

#[tokio::test]
async fn every_deletion_of_an_upstream_is_recorded() {
    let gateway = Gateway::start(POLICY).await;
    for (number, target) in TARGETS.iter().enumerate() {
        gateway.send(&format!("r-{number}"), "DELETE", target, "", b"").await;
    }
    let records = gateway.records().await;
    let mut reached = 0;
    for (number, target) in TARGETS.iter().enumerate() {
        let id = format!("r-{number}");
        let Some((method, path)) = gateway.handled(&id) else { continue };
        assert_eq!(method, Method::DELETE);
        let (action, target_type) = match path.to_lowercase() {
            path if path.starts_with("/api/projects/") => ("project.deleted", "project"),
            path if path.starts_with("/api/keys/") => ("key.revoked", "api_key"),
            path => panic!("{target} is {path}, which this test does not expect"),
        };
        reached += 1;
        let record = records.get(&id).unwrap_or_else(|| panic!("no record of {target}: {path}"));
        assert_eq!(record.action.as_str(), action, "{target}");
        let last = path.rsplit('/').next().unwrap();
        assert_eq!(record.target.to_string(), format!("{target_type}:{last}"), "{target}");
    }
    assert!(reached >= TARGETS.len() - 1, "a backslash may be refused, nothing else: {reached}");
    let report = gateway.report().await;
    assert_eq!(report["coverage"]["uncovered_requests"], 0, "{report}");
    assert!(report["coverage"]["ambiguous"].as_u64() >= Some(12), "{report}");
}

#[tokio::test]
async fn ambiguous_paths_can_be_refused() {
    let policy = POLICY.replace("version = 1", "version = 1\nambiguous_paths = \"refuse\"");
    let gateway = Gateway::start(&policy).await;
    let ambiguous = [
        "/api/public/../projects/p",
        "/api/public/%2e%2e/projects/p",
        "/api/public/..%2fprojects/p",
        "/api/public/..;/keys/p",
        "/api/public/../teams/t",
    ];
    for (number, target) in ambiguous.iter().enumerate() {
        let id = format!("r-{number}");
        assert_eq!(gateway.send(&id, "DELETE", target, "", b"").await, 400, "{target}");
        assert_eq!(gateway.handled(&id), None, "{target}");
    }
    for target in ["/api/projects/p", "/api/public/x.css", "/api/projects/p;v=1"] {
        assert_eq!(gateway.send("r-plain", "DELETE", target, "", b"").await, 200, "{target}");
    }
    let records = gateway.records().await;
    for id in ["r-0", "r-1", "r-2", "r-3"] {
        assert_eq!(records[id].outcome, Some(Outcome::Failure), "the attempt is recorded: {id}");
    }
    assert_eq!(gateway.report().await["requests"]["rejected"], 5);
}
