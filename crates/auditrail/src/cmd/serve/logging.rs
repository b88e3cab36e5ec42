//! Log lines, on stderr, and traces where a collector is named.

use std::io::{self, IsTerminal};

use super::log_writer::{self, FlushOnDrop};

use auditrail_server::otlp::Traces;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::{LogFormat, ServerSettings};
use crate::error::Error;
use crate::output::Output;

/// From here on events are printed, as text on a terminal and as JSON elsewhere unless it was said;
/// spans go to the collector alone, if there is one. Its traces are to be closed at the end.
///
/// # Errors
/// When the address of the collector cannot be used.
pub(super) fn start(
    settings: &ServerSettings,
    output: Output,
) -> Result<(Option<Traces>, FlushOnDrop), Error> {
    let traces = settings.otlp_endpoint.as_deref().map(Traces::start).transpose();
    let traces = traces.map_err(|error| Error::Usage(error.to_string()))?;
    let text = match settings.log_format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let (writer, flush) = log_writer::start(io::stderr());
    let lines = fmt::layer().with_writer(writer).with_ansi(output.colors_errors());
    let lines = if text {
        lines.boxed()
    } else {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    };
    let events = filter_fn(|metadata| metadata.is_event());
    let lines = lines.with_filter(events.and(settings.log.0.clone()));
    let mut layers = vec![lines.boxed()];
    // Without a collector there is no layer that wants spans, and so none are made.
    layers.extend(traces.as_ref().map(|traces| traces.layer().boxed()));
    // It fails where there is one already, which only a program with two services in it could have.
    drop(registry().with(layers).try_init());
    Ok((traces, flush))
}
