//! Every route with a valid request.

use serde_json::json;

use crate::support::client::Call;
use crate::support::service::record;

/// A valid request of a route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The required scope; none if any valid key is accepted.
    pub(super) scope: Option<&'static str>,
    /// The status for an authorized caller.
    pub(super) right: u16,
    /// The status for a key of another tenant; none if the route accesses no records.
    pub(super) other_tenant: Option<u16>,
    pub(super) call: fn(Call) -> Call,
    /// The path of a request about tenant `t1`; `{key}` stands for the id of one of its keys.
    pub(super) about_t1: &'static str,
}

const ONE: &str = "/v1/audit-logs/00000000-0000-0000-0000-000000000001";

/// All routes, in the order of the OpenAPI document.
pub(super) const ROUTES: &[Route] = &[
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
        path: "/v1/audit-logs/histogram",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/histogram?tenant_id=t1",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/facets",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/facets?tenant_id=t1",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/values",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/values?field=actor_id&tenant_id=t1",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/feed",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/feed?tenant_id=t1",
    },
    Route {
        method: "get",
        path: "/v1/audit-logs/tail",
        scope: Some("read"),
        // From a position that the log does not have: the response would not end otherwise.
        right: 410,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/audit-logs/tail?tenant_id=t1&after=1000000",
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
    Route {
        method: "get",
        path: "/v1/audit-logs/{id}/proof",
        scope: Some("read"),
        right: 200,
        other_tenant: Some(404),
        call: |call| call,
        about_t1: "/v1/audit-logs/00000000-0000-0000-0000-000000000001/proof",
    },
    Route {
        method: "post",
        path: "/v1/erasures",
        scope: Some("erase"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call.json(&json!({"actor": "user:zoe", "reason": "r", "dry_run": true})),
        about_t1: "/v1/erasures",
    },
    Route {
        method: "get",
        path: "/v1/holds",
        scope: Some("admin"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/holds",
    },
    Route {
        method: "post",
        path: "/v1/holds",
        scope: Some("admin"),
        right: 422,
        other_tenant: Some(403),
        call: |call| call.json(&json!({})),
        about_t1: "/v1/holds",
    },
    Route {
        method: "delete",
        path: "/v1/holds/{name}",
        scope: Some("admin"),
        right: 404,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/holds/none",
    },
    Route {
        method: "get",
        path: "/v1/keys",
        scope: Some("admin"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/keys?tenant_id=t1",
    },
    Route {
        method: "post",
        path: "/v1/keys",
        scope: Some("admin"),
        right: 201,
        other_tenant: Some(403),
        call: |call| call.json(&json!({"scopes": ["read"], "tenant_id": "t1"})),
        about_t1: "/v1/keys",
    },
    Route {
        method: "delete",
        path: "/v1/keys/{id}",
        scope: Some("admin"),
        right: 200,
        other_tenant: Some(404),
        call: |call| call,
        about_t1: "/v1/keys/{key}",
    },
    Route {
        method: "get",
        path: "/v1/log/checkpoint",
        scope: Some("verify"),
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/v1/log/checkpoint",
    },
    Route {
        method: "get",
        path: "/v1/log/consistency",
        scope: Some("verify"),
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/v1/log/consistency?from=0&to=1",
    },
    Route {
        method: "get",
        path: "/v1/log/keys",
        scope: Some("verify"),
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/v1/log/keys",
    },
    Route {
        method: "get",
        path: "/v1/log/tile/{path}",
        scope: Some("verify"),
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/v1/log/tile/0/000.p/1",
    },
    Route {
        method: "get",
        path: "/v1/retention/rules",
        scope: Some("admin"),
        right: 200,
        other_tenant: None,
        call: |call| call,
        about_t1: "/v1/retention/rules",
    },
    Route {
        method: "put",
        path: "/v1/retention/rules",
        scope: Some("admin"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call.json(&json!({"tenant_id": "t1", "keep_days": 365})),
        about_t1: "/v1/retention/rules",
    },
    Route {
        method: "delete",
        path: "/v1/retention/rules/{id}",
        scope: Some("admin"),
        right: 200,
        other_tenant: Some(403),
        call: |call| call,
        about_t1: "/v1/retention/rules/{rule}",
    },
];

impl Route {
    /// The status for an authorized caller whose key is restricted to a tenant, or not. Rules of retention are not
    /// for a tenant to change, nor are holds and erasures for it to see.
    pub(super) fn right(&self, is_restricted: bool) -> u16 {
        let is_change = self.method != "get" && self.path.starts_with("/v1/retention/");
        let is_closed =
            ["/v1/holds", "/v1/erasures"].iter().any(|path| self.path.starts_with(path));
        if is_restricted && (is_change || is_closed) { 403 } else { self.right }
    }
}
