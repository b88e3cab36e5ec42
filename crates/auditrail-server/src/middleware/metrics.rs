//! Records metrics of requests.

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tokio::time::Instant;

use super::method;
use crate::app::App;
use crate::problem::Problem;
use crate::telemetry::metrics::RequestLabels;

/// The route label of requests that match no route: one for all of them, because a label per attempted
/// path would grow without bound. No route has this name, since routes start with a slash.
const UNMATCHED: &str = "unmatched";

/// Measures each request, and counts authentication failures.
pub(super) async fn layer(
    app: App,
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let started = Instant::now();
    let http_request_method = method::name(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let http_route = route.map_or(UNMATCHED, MatchedPath::as_str).to_owned();
    let response = next(request).await;
    let http_response_status_code = response.status().as_u16();
    let labels = RequestLabels { http_request_method, http_route, http_response_status_code };
    app.metrics().observe_request(&labels, started.elapsed());
    if let Some(problem) = response.extensions().get::<Problem>() {
        app.metrics().count_problem(problem.code());
    }
    response
}
