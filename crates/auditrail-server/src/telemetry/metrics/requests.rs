//! Metrics of HTTP requests.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The bucket bounds that OpenTelemetry recommends for `http.server.request.duration`, in seconds.
const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Durations of requests until their responses start.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    seconds: Family<RequestLabels, Histogram, fn() -> Histogram>,
}

/// Named like OpenTelemetry attributes that become Prometheus labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) http_request_method: &'static str,
    pub(crate) http_route: String,
    pub(crate) http_response_status_code: u16,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }

    pub(super) fn observe(&self, labels: &RequestLabels, duration: Duration) {
        self.seconds.get_or_create(labels).observe(duration.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Time from a request to the start of its response";
        registry.register("http_server_request_duration_seconds", help, self.seconds.clone());
    }
}
