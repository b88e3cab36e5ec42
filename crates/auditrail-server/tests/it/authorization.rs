//! Every route against every kind of caller.
//!
//! The list of routes is the router's own, so a new route fails this until it has its line.

mod routes;

use auditrail_core::{
    Actor, ApiKey, AuditLogService, NewRetentionRule, OnInvalid, PageSize, Query, Record,
    RequestContext, Scope,
};
use auditrail_server::{ServerConfig, openapi};
use auditrail_store::PgRetention;
use auditrail_testkit::{TestDb, Transport, over_each_transport};
use serde_json::Value;

use self::routes::{ROUTES, Route};
use crate::support::client::{Answer, Call};
use crate::support::db_keys::ServiceWithDbKeys;
use crate::support::service::{Service, input, record};
use crate::support::signed::sign;

/// Every operation of the router with its documented scope.
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
fn every_route_is_in_the_matrix() {
    let mut listed: Vec<_> = ROUTES
        .iter()
        .map(|r| (r.path.to_owned(), r.method.to_owned(), r.scope.map(ToOwned::to_owned)))
        .collect();
    listed.sort();
    assert_eq!(operations(), listed);
}

/// A service with a record and a key of tenant `t1`, and every kind of caller.
struct Callers {
    service: ServiceWithDbKeys,
    /// The id of the key of `t1` in paths.
    key: String,
    /// The id of the rule of `t1` in paths.
    rule: String,
    revoked: String,
    expired: String,
    /// Every scope, for tenant `t2`.
    other_tenant: String,
    /// One scope each, for tenant `t1` and for every tenant.
    bound: [String; Scope::ALL.len()],
    unbound: [String; Scope::ALL.len()],
}

impl Callers {
    async fn new(transport: Transport) -> Self {
        let db = TestDb::migrated_over(transport).await;
        // So that a read that was admitted would be audited.
        let config = ServerConfig { record_reads: true, ..Default::default() };
        let service = ServiceWithDbKeys::start_in(db, config).await;
        service.app.allow_erasure(auditrail_store::erasure::Eraser::new(service.db.owner()));
        let one = vec![input(&record(1, Some("t1")))];
        service.log.create_many(one, OnInvalid::Refuse).await.unwrap();
        service.db.sequence().await;
        sign(&service.db).await;
        let retention = PgRetention::new(service.log.pool().clone());
        let rule =
            NewRetentionRule::from_json(br#"{"tenant_id": "t1", "keep_days": 365}"#).unwrap();
        let rule = retention.set(&rule, &Actor::System, &RequestContext::default()).await.unwrap();
        let [mut bound, mut unbound] = [const { [const { String::new() }; Scope::ALL.len()] }; 2];
        for (place, scope) in Scope::ALL.into_iter().enumerate() {
            bound[place] = service.token(&[scope], Some("t1")).await;
            unbound[place] = service.token(&[scope], None).await;
        }
        Self {
            rule: rule.rule().id.to_string(),
            key: service.key(&[Scope::Write], Some("t1")).await.key.id.to_string(),
            revoked: service.revoked(&Scope::ALL, None).await,
            expired: service.expired(&Scope::ALL, None).await,
            other_tenant: service.token(&Scope::ALL, Some("t2")).await,
            bound,
            unbound,
            service,
        }
    }

    async fn call(&self, route: &Route, token: Option<&str>) -> Answer {
        let path = route.about_t1.replace("{key}", &self.key).replace("{rule}", &self.rule);
        let call = (route.call)(self.service.call(&route.method.to_uppercase(), &path));
        token.into_iter().fold(call, Call::key).send().await
    }

    /// All records and keys: a rejected request must not change them.
    async fn state(&self) -> (Vec<Record>, Vec<ApiKey>) {
        let all = PageSize::new(1_000).unwrap();
        let records =
            self.service.log.query(&Query { limit: all, ..Query::default() }).await.unwrap();
        (records.records, self.service.keys.list(None, None, all).await.unwrap().keys)
    }

    /// Every unauthorized caller, with the expected response.
    fn strangers(&self, route: &Route) -> Vec<(&str, Option<&str>, (u16, &'static str))> {
        let unknown = "adt_live_000000000000000000000000000_27iyFv";
        let mut strangers = vec![
            ("no key", None, (401, "no_key")),
            ("no key by its form", Some("wrong"), (401, "invalid_key")),
            ("an unknown key", Some(unknown), (401, "invalid_key")),
            ("a revoked key", Some(&*self.revoked), (401, "invalid_key")),
            ("an expired key", Some(&*self.expired), (401, "invalid_key")),
        ];
        for (place, scope) in Scope::ALL.into_iter().enumerate() {
            if route.scope.is_some_and(|needed| needed != scope.as_str()) {
                for keys in [&self.bound, &self.unbound] {
                    strangers.push((scope.as_str(), Some(&*keys[place]), (403, "wrong_scope")));
                }
            }
        }
        if let Some(status) = route.other_tenant {
            let code = if status == 404 { "not_found" } else { "other_tenant" };
            strangers.push(("another tenant's key", Some(&*self.other_tenant), (status, code)));
        }
        strangers
    }
}

over_each_transport!(only_authorized_callers_are_admitted);

async fn only_authorized_callers_are_admitted(transport: Transport) {
    let callers = Callers::new(transport).await;
    let before = callers.state().await;
    for route in ROUTES {
        for (who, token, (status, code)) in callers.strangers(route) {
            let name = format!("{} {} with {who}", route.method, route.path);
            let answer = callers.call(route, token).await;
            assert_eq!(answer.problem(), (status, code.to_owned()), "{name}");
            let challenge = if status == 401 { "Bearer" } else { "" };
            assert!(answer.header("www-authenticate").starts_with(challenge), "{name}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{name}");
        }
    }
    assert_eq!(callers.state().await, before, "a rejected request changed something");
    for route in ROUTES {
        for (place, scope) in Scope::ALL.into_iter().enumerate() {
            if route.scope.is_none_or(|needed| needed == scope.as_str()) {
                for (keys, is_restricted) in [(&callers.bound, true), (&callers.unbound, false)] {
                    let answer = callers.call(route, Some(&keys[place])).await;
                    let name = format!("{} {} with {scope}", route.method, route.path);
                    let right = route.right(is_restricted);
                    assert_eq!(answer.status.as_u16(), right, "{name}: {answer:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_verified_is_refused() {
    let service = Service::start().await;
    service.keys.break_down();
    for route in ROUTES {
        let method = route.method.to_uppercase();
        let id = "00000000-0000-0000-0000-000000000001";
        let path = route.about_t1.replace("{key}", id).replace("{rule}", id);
        let call = (route.call)(Call::new(service.address, &method, &path));
        let answer = call.key("all").send().await;
        assert_eq!(answer.problem(), (503, "keys_unavailable".to_owned()), "{}", route.path);
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn malformed_authorization_headers_are_rejected() {
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
