//! Requests: how many, how long, how they ended.

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::app::App;
use crate::method;
use crate::problem::Problem;

/// The label of what matched no route: one for all, or every path that somebody tries would stay for
/// ever. No route is called that, since each begins with a slash.
const UNMATCHED: &str = "unmatched";

/// The bounds that OpenTelemetry advises for `http.server.request.duration`, in seconds.
const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// How long requests took until their answers began.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
}

/// Named as OpenTelemetry's attributes are when they become Prometheus labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u16,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Time from a request to the start of its response";
        registry.register("http_server_request_duration_seconds", help, self.seconds.clone());
    }
}

/// Measures each request, and counts why callers are turned away.
pub(crate) async fn layer(
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
    let labels = Labels { http_request_method, http_route, http_response_status_code };
    let seconds = started.elapsed().as_secs_f64();
    let metrics = app.metrics();
    metrics.requests.seconds.get_or_create(&labels).observe(seconds);
    if let Some(problem) = response.extensions().get::<Problem>() {
        metrics.count_problem(problem.code());
    }
    response
}
