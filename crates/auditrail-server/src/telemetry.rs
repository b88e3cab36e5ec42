//! Metrics for Prometheus and traces for OpenTelemetry.

pub(crate) mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;

/// The target of request spans. A log filter can exclude it, since log lines have the same content.
pub(crate) const SPAN_TARGET: &str = "auditrail_server::span";
