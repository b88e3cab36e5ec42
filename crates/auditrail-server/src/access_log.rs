//! One line in the log for each request: the route, never the path, the query or the body, all of
//! which may hold personal data.

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tokio::time::Instant;

use crate::request_id::Id;
use crate::{method, span};

/// Logs each request when its answer begins.
pub(crate) async fn layer(
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let started = Instant::now();
    let method = method::name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request.extensions().get::<Id>().cloned();
    let trace_id = span::trace_id(request.headers());
    let response = next(request).await;
    tracing::info!(
        %method,
        route = route.as_ref().map(MatchedPath::as_str),
        status = response.status().as_u16(),
        seconds = started.elapsed().as_secs_f64(),
        request_id = id.as_ref().map(Id::as_str),
        trace_id,
        "request completed"
    );
    response
}
