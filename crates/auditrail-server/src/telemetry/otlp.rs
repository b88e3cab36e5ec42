//! Trace export to an OpenTelemetry collector, by OTLP as protobuf over HTTP.
//!
//! There is one span per request, named after its method and route pattern, with a valid `traceparent` as
//! its parent. Spans have the fields of the log line and nothing more: no path, query, header or body. Log
//! events are not exported.
//!
//! Deliberately absent: TLS. Run a collector on the same host to forward the traces.

mod client;

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::SPAN_TARGET;
use client::Client;

/// Timeout of sending a batch of spans.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Path of traces below the endpoint.
const PATH: &str = "/v1/traces";

/// Exports spans to a collector in batches.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use auditrail_server::otlp::Traces;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let traces = Traces::start("http://127.0.0.1:4318")?;
/// let subscriber = tracing_subscriber::registry().with(traces.layer());
/// tracing::subscriber::set_global_default(subscriber)?;
/// // … serve …
/// traces.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The endpoint is not valid.
    #[error(
        "`{endpoint}` is not a valid OTLP endpoint; use one such as http://127.0.0.1:4318 (TLS is not \
         supported: run a collector on this host to forward the traces)"
    )]
    Endpoint {
        /// The configured endpoint.
        endpoint: String,
    },
    /// The `OTEL_*` environment variables configure something that is not supported.
    #[error("cannot set up trace export; check the OTEL_* environment variables")]
    Setup {
        /// The error of the exporter.
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

impl Traces {
    /// Starts the export task. `endpoint` is the address of a collector, such as
    /// `http://127.0.0.1:4318`; without a path, the standard `/v1/traces` is appended.
    ///
    /// Every request is sampled unless its `traceparent` says otherwise. The export queue holds 2,048 spans;
    /// when it is full, spans are dropped and a warning is logged.
    ///
    /// # Errors
    /// See [`OtlpError`]. Whether the collector is reachable is not checked.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(endpoint: &str) -> Result<Self, OtlpError> {
        let endpoint = address(endpoint)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::on_current_runtime())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|source| OtlpError::Setup { source })?;
        let resource = Resource::builder().with_service_name("auditrail").build();
        let provider = SdkTracerProvider::builder().with_resource(resource);
        Ok(Self { provider: provider.with_batch_exporter(exporter).build() })
    }

    /// The `tracing` layer that exports the spans of this crate; add it to the subscriber of the process.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("auditrail"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| {
                metadata.is_span() && metadata.target() == SPAN_TARGET
            }))
    }

    /// Exports the remaining spans, for at most five seconds, and stops.
    pub async fn close(self) {
        // This blocks on the export thread, which needs this runtime in order to send.
        let closing = tokio::task::spawn_blocking(move || self.provider.shutdown());
        if !matches!(closing.await, Ok(Ok(()))) {
            tracing::warn!("some spans were not exported before shutdown");
        }
    }
}

/// The URL for traces.
fn address(endpoint: &str) -> Result<String, OtlpError> {
    let invalid = || OtlpError::Endpoint { endpoint: endpoint.to_owned() };
    let uri: axum::http::Uri = endpoint.parse().map_err(|_| invalid())?;
    if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) {
        return Err(invalid());
    }
    if uri.path() == "/" {
        Ok(format!("{}{PATH}", endpoint.trim_end_matches('/')))
    } else {
        Ok(endpoint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_path_is_appended_if_there_is_none() {
        let expected = "http://127.0.0.1:4318/v1/traces";
        for endpoint in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/", expected] {
            assert_eq!(address(endpoint).unwrap(), expected);
        }
        assert_eq!(address("http://collector/other").unwrap(), "http://collector/other");
    }

    #[test]
    fn invalid_endpoints_are_rejected() {
        for endpoint in ["", "127.0.0.1:4318", "https://collector", "grpc://collector", "http://"] {
            assert!(matches!(address(endpoint), Err(OtlpError::Endpoint { .. })), "{endpoint}");
        }
    }
}
