//! The admin listener for supervisors and operators: health, metrics, API description.

mod readiness;

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

use crate::app::App;
use crate::json::Json;
use crate::limits::RETRY_SOON;
use crate::problem::Problem;
use crate::telemetry::metrics::{self, Pressure};
use crate::{middleware as layers, routes};
use readiness::{NotReady, Readiness};

/// State of the admin listener. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Operations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    readiness: Readiness,
}

impl Operations {
    /// Creates the state for a service and its writer, if it has one. Does not query the database yet.
    #[must_use]
    pub fn new(app: &App, writer: Option<GroupWriter>) -> Self {
        let (log, shutting_down) = (app.log(), app.shutting_down().clone());
        let pressure = Pressure {
            connections: app.connections().clone(),
            bodies: app.body_memory().clone(),
            answers: app.answer_memory().clone(),
        };
        let background = app.background().clone();
        let sequencing = app.sequencing().clone();
        let registry =
            app.metrics().registry(log, writer.clone(), background, sequencing, pressure);
        let readiness = Readiness::new(log, writer, shutting_down);
        Self(Arc::new(Inner { registry, readiness }))
    }
}

/// `/livez`, `/readyz`, `/metrics` and the API description, without authentication: bind it to loopback or
/// to a private network.
///
/// `/livez` and its alias `/healthz` report that the process responds. `/readyz` reports that requests
/// should be sent to this instance: no shutdown has begun, the database responds, its migration history
/// matches this program and no migration is pending, the writer is connected, and no request has been
/// queued for too long. `/docs` and `/openapi.json` contain nothing confidential; they are on this listener
/// because a browser cannot send an API key.
pub fn admin_router(operations: Operations) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/healthz", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/docs", get(async || routes::docs_page()))
        .route("/openapi.json", get(async || Json(routes::openapi())))
        .layer(middleware::from_fn(layers::admin))
        .with_state(operations)
}

async fn livez() -> Response {
    Json(json!({"status": "alive"})).into_response()
}

async fn readyz(State(Operations(inner)): State<Operations>) -> Result<Response, Problem> {
    inner.readiness.check().await.map_err(|NotReady { code, detail }| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, "Not ready", detail)
            .retry_after(RETRY_SOON)
    })?;
    Ok(Json(json!({"status": "ready"})).into_response())
}

async fn scrape(State(Operations(inner)): State<Operations>) -> Result<Response, Problem> {
    let text = metrics::scrape(&inner.registry).map_err(|_| Problem::internal("internal"))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}
