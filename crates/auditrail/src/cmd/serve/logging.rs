//! Logging to stderr, and tracing to an OpenTelemetry collector if one is configured.

use std::io;

use auditrail_server::otlp::Traces;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, registry};

use super::json_lines::JsonLines;
use super::log_writer::{self, FlushOnDrop};
use crate::config::{LogFilter, LogFormat, LogSettings, ServerSettings};
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
    let (lines, flush) = lines(&settings.log, settings.log_format, output);
    let mut layers = vec![lines];
    // Without a collector no layer is interested in spans, so none are created.
    layers.extend(traces.as_ref().map(|traces| traces.layer().boxed()));
    // Fails only if a subscriber is installed already; this is the only place that installs one.
    drop(registry().with(layers).try_init());
    Ok((traces, flush))
}

/// As [`start`], without a collector.
pub(in crate::cmd) fn start_lines(settings: &LogSettings, output: Output) -> FlushOnDrop {
    let (lines, flush) = lines(&settings.filter, settings.format, output);
    drop(registry().with(vec![lines]).try_init());
    flush
}

/// Writes events to stderr.
fn lines(
    filter: &LogFilter,
    format: LogFormat,
    output: Output,
) -> (Box<dyn Layer<Registry> + Send + Sync>, FlushOnDrop) {
    let (writer, flush) = log_writer::start(io::stderr());
    let lines = fmt::layer().with_writer(writer).with_ansi(output.colors_errors());
    let lines =
        if format.is_json() { lines.event_format(JsonLines).boxed() } else { lines.boxed() };
    let events = filter_fn(|metadata| metadata.is_event());
    (lines.with_filter(events.and(filter.0.clone())).boxed(), flush)
}
