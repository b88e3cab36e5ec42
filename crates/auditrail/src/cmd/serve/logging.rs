//! Logging to stderr, and tracing to an OpenTelemetry collector if one is configured.

use std::io::{self, IsTerminal};

use auditrail_server::otlp::Traces;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use super::json_lines::JsonLines;
use super::log_writer::{self, FlushOnDrop};
use crate::config::{LogFormat, ServerSettings};
use crate::error::Error;
use crate::output::Output;

/// Installs the global subscriber. Events go to stderr, by default as text on a terminal and as JSON
/// elsewhere; spans go to the collector only. The caller closes the returned `Traces` at shutdown.
///
/// # Errors
/// When the endpoint of the collector is invalid.
pub(super) fn start(
    settings: &ServerSettings,
    output: Output,
) -> Result<(Option<Traces>, FlushOnDrop), Error> {
    let traces = settings
        .otlp_endpoint
        .as_deref()
        .map(Traces::start)
        .transpose()
        .map_err(|error| Error::Usage(error.to_string()))?;
    let text = match settings.log_format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let (writer, flush) = log_writer::start(io::stderr());
    let lines = fmt::layer().with_writer(writer).with_ansi(output.colors_errors());
    let lines = if text { lines.boxed() } else { lines.event_format(JsonLines).boxed() };
    let events = filter_fn(|metadata| metadata.is_event());
    let lines = lines.with_filter(events.and(settings.log.0.clone()));
    let mut layers = vec![lines.boxed()];
    // Without a collector no layer is interested in spans, so none are created.
    layers.extend(traces.as_ref().map(|traces| traces.layer().boxed()));
    // Fails only if a subscriber is installed already; this is the only place that installs one.
    drop(registry().with(layers).try_init());
    Ok((traces, flush))
}
