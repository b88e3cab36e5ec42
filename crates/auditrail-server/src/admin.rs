//! What supervisors ask, on a listener of its own that strangers cannot reach.

use auditrail_store::PgAuditLog;
use auditrail_store::migrate::Runner;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::answer::Json;
use crate::limits::{READY_TIMEOUT, RETRY_SOON};
use crate::problem::Problem;
use crate::{headers, request_id};

/// `/livez` and `/readyz`, without keys: bind it to loopback or to a network of your own.
///
/// `/livez` says that the process answers; `/readyz` that the database does, that its history of
/// migrations fits this program, and that none is pending.
pub fn admin_router(log: PgAuditLog) -> Router {
    Router::new()
        .route("/livez", get(async || Json(json!({"status": "alive"}))))
        .route("/readyz", get(readyz))
        .layer(middleware::from_fn(headers::layer))
        .layer(middleware::from_fn(request_id::layer))
        .with_state(log)
}

async fn readyz(State(log): State<PgAuditLog>) -> Result<Response, Problem> {
    let runner = Runner::from_pool(log.pool());
    let status = tokio::time::timeout(READY_TIMEOUT, runner.status()).await;
    let status = status.map_err(|_| not_ready("database_busy", "the database does not answer"))?;
    let status = status.map_err(|error| {
        tracing::warn!(code = error.code(), %error, "not ready");
        not_ready(error.code(), "the history of migrations cannot be read")
    })?;
    match (status.pending(), status.problems.is_empty()) {
        (0, true) => Ok(Json(json!({"status": "ready"})).into_response()),
        (0, false) => Err(not_ready("history_problem", "run `auditrail migrate status`")),
        _ => Err(not_ready("migrations_pending", "run `auditrail migrate`")),
    }
}

fn not_ready(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, "Not ready", detail).retry_after(RETRY_SOON)
}
