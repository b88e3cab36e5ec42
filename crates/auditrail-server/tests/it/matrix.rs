//! Every route against every kind of caller.
//!
//! The list of routes is the router's own, so a new route fails this until it has its line.

use auditrail_server::openapi;
use serde_json::{Value, json};

use crate::client::Call;
use crate::service::{Service, record};

/// How to call a route rightly.
struct Route {
    method: &'static str,
    path: &'static str,
    /// The only scope it takes; none when any good key will do.
    scope: Option<&'static str>,
    /// What a right call is answered with.
    right: u16,
    /// What a key bound to another tenant is answered with; none where no record is touched.
    other_tenant: Option<u16>,
    call: fn(Call) -> Call,
    /// The path of a call about tenant `t1`.
    about_t1: &'static str,
}

const ONE: &str = "/v1/audit-logs/00000000-0000-0000-0000-000000000001";

/// All of them, in the order of the description.
const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/docs",
        scope: None,
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/docs",
    },
    Route {
        method: "get",
        path: "/openapi.json",
        scope: None,
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/openapi.json",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs?tenant_id=t1",
    },
    Route {
        method: "post",
        path: "/v1/audit-logs",
        scope: Some("write"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call.json(&record(1, Some("t1"))),
        about_t1: "/v1/audit-logs",
    },
    Route {
        method: "post",
        path: "/v1/audit-logs/batch",
        scope: Some("write"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call.json(&json!([record(1, Some("t1")), record(4, Some("t1"))])),
        about_t1: "/v1/audit-logs/batch?on_invalid=skip",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/export",
        scope: Some("export"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/export?format=csv&tenant_id=t1",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/stats",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/stats?tenant_id=t1",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/{id}",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(404),
        call: |call| call,
        about_t1: ONE,
    },
];

/// Every operation of the router, with the scope it says it needs.
fn operations() -> Vec<(String, String, Option<String>)> {
    let api = serde_json::to_value(openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scopes = operation["security"][0]["bearer"].as_array();
            let scopes = scopes.unwrap_or_else(|| panic!("{method} {path} needs no key"));
            let scope = scopes.first().and_then(Value::as_str).map(ToOwned::to_owned);
            operations.push((path.clone(), method.clone(), scope));
        }
    }
    operations.sort();
    operations
}

#[test]
fn every_route_of_the_router_is_in_the_matrix() {
    let mut listed: Vec<_> = ROUTES
        .iter()
        .map(|r| (r.path.to_owned(), r.method.to_owned(), r.scope.map(ToOwned::to_owned)))
        .collect();
    listed.sort();
    assert_eq!(operations(), listed);
}

#[tokio::test]
async fn only_the_right_caller_gets_in() {
    let service = Service::start().await;
    service.write(vec![record(1, Some("t1"))]).await;
    for route in ROUTES {
        let Route { method, path, scope, right, other_tenant, call, about_t1 } = route;
        let name = format!("{method} {path}");
        let to = || call(Call::new(service.address, &method.to_uppercase(), about_t1));

        let none = to().send().await;
        assert_eq!(none.problem(), (401, "no_key".to_owned()), "{name}");
        assert_eq!(none.header("www-authenticate"), "Bearer", "{name}");
        let wrong = to().key("wrong").send().await;
        assert_eq!(wrong.problem(), (401, "invalid_key".to_owned()), "{name}");
        for other in ["write", "read", "export", "admin"] {
            let answer = to().key(other).send().await;
            match scope.is_none_or(|scope| scope == other) {
                true => assert!(answer.status.is_success(), "{name} {other}: {answer:?}"),
                false => {
                    assert_eq!(answer.problem(), (403, "wrong_scope".to_owned()), "{name} {other}");
                }
            }
        }
        if let Some(status) = other_tenant {
            let answer = to().key("all-t2").send().await;
            assert_eq!(answer.problem().0, *status, "{name}");
        }
        let own = to().key("all-t1").send().await;
        assert_eq!(own.status.as_u16(), *right, "{name}: {own:?}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_checked_opens_nothing() {
    let service = Service::start().await;
    service.keys.break_down();
    for route in ROUTES {
        let method = route.method.to_uppercase();
        let call = (route.call)(Call::new(service.address, &method, route.about_t1));
        let answer = call.key("all").send().await;
        assert_eq!(answer.problem(), (503, "keys_unavailable".to_owned()), "{}", route.path);
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn a_key_in_any_other_form_is_no_key() {
    let service = Service::start().await;
    let forms = ["all", "Basic all", "Bearer", "Bearer ", "Bearerall"];
    for form in forms {
        let answer = service.get("/v1/audit-logs").header("authorization", form).send().await;
        assert_eq!(answer.problem(), (401, "no_key".to_owned()), "{form}");
    }
    let twice = service.get("/v1/audit-logs").key("all").key("all").send().await;
    assert_eq!(twice.problem(), (401, "no_key".to_owned()));
    let lower = service.get("/v1/audit-logs").header("authorization", "bearer all").send().await;
    assert_eq!(lower.status.as_u16(), 200);
}
