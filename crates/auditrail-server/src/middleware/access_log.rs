//! One log line per request. It has the route, never the path, the query or the body, all of which may
//! contain personal data.

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tokio::time::Instant;

use super::request_id::RequestId;
use super::{method, span};

/// Logs each request when its response starts.
pub(super) async fn layer(
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let started = Instant::now();
    let method = method::name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request.extensions().get::<RequestId>().cloned();
    let trace_id = span::trace_id(request.headers());
    let response = next(request).await;
    tracing::info!(
        %method,
        route = route.as_ref().map(MatchedPath::as_str),
        status = response.status().as_u16(),
        seconds = started.elapsed().as_secs_f64(),
        request_id = id.as_ref().map(RequestId::as_str),
        trace_id,
        "request completed"
    );
    response
}
