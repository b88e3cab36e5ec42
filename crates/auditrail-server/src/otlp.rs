//! Traces for a collector of OpenTelemetry, by OTLP as protobuf over HTTP.
//!
//! A span for each request, named by its method and the pattern of its route; a sound `traceparent` is
//! its parent. Spans hold what the log line holds and nothing more: no path, no query, no header, no
//! body. Only spans go out, never the events of the log.
//!
//! Absent on purpose: TLS. A collector runs beside the service, and passes on what it gets.

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

use crate::span::TARGET;
use client::Client;

/// How long sending a batch of spans may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Where collectors listen for traces, below the endpoint.
const PATH: &str = "/v1/traces";

/// Sends spans to a collector, a batch at a time.
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

/// Why there will be no traces.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The address of the collector cannot be used. Write another.
    #[error(
        "`{endpoint}` is not a valid OTLP endpoint; use one such as http://127.0.0.1:4318 (TLS is not \
         supported: run a collector on this host to forward the traces)"
    )]
    Endpoint {
        /// What was written.
        endpoint: String,
    },
    /// OpenTelemetry's own variables in the environment ask for something that is not there.
    #[error("cannot set up trace export; check the OTEL_* environment variables")]
    Setup {
        /// What the exporter said.
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

impl Traces {
    /// Starts the task that sends. `endpoint` is the address of a collector, as in
    /// `http://127.0.0.1:4318`; without a path, the usual `/v1/traces` is added.
    ///
    /// A request whose `traceparent` says that it is not sampled is not, and every other is. Spans wait
    /// in a queue of 2,048; what a collector does not take in time is dropped, and the log says so.
    ///
    /// # Errors
    /// See [`OtlpError`]. Whether the collector answers is not asked.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(endpoint: &str) -> Result<Self, OtlpError> {
        let endpoint = address(endpoint)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::here())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|source| OtlpError::Setup { source })?;
        let resource = Resource::builder().with_service_name("auditrail").build();
        let provider = SdkTracerProvider::builder().with_resource(resource);
        Ok(Self { provider: provider.with_batch_exporter(exporter).build() })
    }

    /// What turns the spans of this crate into traces; give it to the subscriber of the process.
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
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET))
    }

    /// Sends what there is, within five seconds, and ends.
    pub async fn close(self) {
        // It waits for a thread of its own, which needs this runtime in order to send.
        let closing = tokio::task::spawn_blocking(move || self.provider.shutdown());
        if !matches!(closing.await, Ok(Ok(()))) {
            tracing::warn!("some spans were not exported before shutdown");
        }
    }
}

/// The whole address of the collector.
fn address(endpoint: &str) -> Result<String, OtlpError> {
    let wrong = || OtlpError::Endpoint { endpoint: endpoint.to_owned() };
    let uri: axum::http::Uri = endpoint.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    match uri.path() {
        "/" => Ok(format!("{}{PATH}", endpoint.trim_end_matches('/'))),
        _ => Ok(endpoint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_path_is_added_where_there_is_none() {
        let whole = "http://127.0.0.1:4318/v1/traces";
        for endpoint in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/", whole] {
            assert_eq!(address(endpoint).unwrap(), whole);
        }
        assert_eq!(address("http://collector/other").unwrap(), "http://collector/other");
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_at_once() {
        for endpoint in ["", "127.0.0.1:4318", "https://collector", "grpc://collector", "http://"] {
            assert!(matches!(address(endpoint), Err(OtlpError::Endpoint { .. })), "{endpoint}");
        }
    }
}
