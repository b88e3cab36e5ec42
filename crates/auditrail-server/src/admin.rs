//! What supervisors and operators ask, on a listener of its own that strangers cannot reach.

use std::sync::Arc;

use auditrail_store::GroupWriter;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::answer::Json;
use crate::app::App;
use crate::limits::RETRY_SOON;
use crate::problem::Problem;
use crate::readiness::{NotReady, Readiness};
use crate::{docs_page, layers, metrics, routes};

/// What the admin listener tells about. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Operations(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    registry: Registry,
    readiness: Readiness,
}

impl Operations {
    /// Of a service and of its writer, where it has one. Nothing is asked of the database yet.
    #[must_use]
    pub fn new(app: &App, writer: Option<GroupWriter>) -> Self {
        let (log, shutting_down) = (app.log(), app.shutting_down().clone());
        let registry = app.metrics().registry(log, writer.clone());
        let readiness = Readiness::new(log, writer, shutting_down);
        Self(Arc::new(Parts { registry, readiness }))
    }
}

/// `/livez`, `/readyz`, `/metrics` and the description of the interface, without keys: bind it to
/// loopback or to a network of your own.
///
/// `/livez`, also as `/healthz`, says that the process answers. `/readyz` says that requests should be
/// sent here: no shutdown has begun, the database answers, its history of migrations fits this program
/// and none is pending, the writer can write, and nothing has waited in its queue for too long.
/// `/docs` and `/openapi.json` hold nothing but what the program itself tells; they are here because
/// a browser has no key to show.
pub fn admin_router(operations: Operations) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/healthz", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/docs", get(docs_page::page))
        .route("/openapi.json", get(async || Json(routes::openapi())))
        .layer(middleware::from_fn(layers::admin))
        .with_state(operations)
}

async fn livez() -> Response {
    Json(json!({"status": "alive"})).into_response()
}

async fn readyz(State(Operations(parts)): State<Operations>) -> Result<Response, Problem> {
    parts.readiness.check().await.map_err(|NotReady { code, detail }| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, "Not ready", detail)
            .retry_after(RETRY_SOON)
    })?;
    Ok(Json(json!({"status": "ready"})).into_response())
}

async fn scrape(State(Operations(parts)): State<Operations>) -> Result<Response, Problem> {
    let text = metrics::scrape(&parts.registry).map_err(|_| Problem::internal("internal"))?;
    Ok(([(header::CONTENT_TYPE, metrics::FORM)], text).into_response())
}
